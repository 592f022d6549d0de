"""What the networks learn from is right: targets mean the plates that were drawn, labels what is on the crops."""

import subprocess
import sys

import numpy as np
import pytest

from training.crops import ALPHABET, CROP_HEIGHT_PX, CROP_WIDTH_PX, Typefaces, draw_crop
from training.street.crops import DrawStreetCrop
from training.views import CELL_CHANNELS, mark
from vigie_agent.plates.detector import decode
from vigie_agent.plates.reader import Reader
from vigie_shared.plates import parse

CORNERS = np.array([[100, 60], [151, 64], [150, 76], [99, 72]], dtype=np.float32)


def empty_targets() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.zeros((24, 40, CELL_CHANNELS), dtype=np.float32)


def test_targets_decode_to_the_plate_they_were_made_of() -> None:
    targets = empty_targets()
    mark(targets, CORNERS, hidden=False)
    targets[..., 0] = np.where(targets[..., 0] > 0, 9, -9)
    found = decode(targets, 0.5)
    assert len(found) == 1
    assert np.allclose(found[0].corners, CORNERS, atol=1e-3)
    assert found[0].box == pytest.approx((99, 60, 151, 76), abs=1e-3)


@pytest.mark.parametrize(("shift", "hidden"), [(0, True), (-110, False), (200, False)])
def test_hidden_and_cut_plates_are_neither_wanted_nor_punished(shift: int, hidden: bool) -> None:
    targets = empty_targets()
    mark(targets, CORNERS + np.array([shift, 0], dtype=np.float32), hidden=hidden)
    assert set(np.unique(targets[..., 0])) == {-1.0, 0.0}


def test_crops_say_plates_or_nothing_and_a_trained_reader_agrees() -> None:
    reader = Reader()
    right, drawn = 0, [draw_crop(np.random.default_rng((3, number)), Typefaces()) for number in range(60)]
    for crop, glyphs in drawn:
        assert crop.shape == (CROP_HEIGHT_PX, CROP_WIDTH_PX)
        assert glyphs == "" or parse(glyphs) is not None
        assert set(glyphs) <= set(ALPHABET)
        reading = reader.read_crop(crop)
        right += glyphs == ("" if reading is None else reading.plate.glyphs)
    assert any(glyphs == "" for _, glyphs in drawn)
    assert right >= 45


STREAM = """
import numpy as np
from training.crops import Typefaces
from training.samples import SampleStream, draw_batch
from training.views import DrawView
draw = DrawView(Typefaces())
whole = draw_batch(draw, seed=4, first=0, size=6)
with SampleStream(draw, seed=4, first=2, batch_size=2, workers=1) as stream:
    streamed = list(stream.batches(2))
same = [np.array_equal(np.concatenate([batch[k] for batch in streamed]), whole[k][2:]) for k in (0, 1)]
print(same)
"""


def test_sample_number_decides_the_sample_whichever_process_draws_it() -> None:
    """In a process of its own: multiprocessing keeps a pipe open until its process ends."""
    done = subprocess.run([sys.executable, "-c", STREAM], capture_output=True, text=True, timeout=100, check=False)
    assert (done.stdout.strip(), done.returncode) == ("[True, True]", 0), done.stderr


LOOKS = """
import numpy as np
from training import samples
from training.street.crops import DrawStreetCrop
samples.ROUNDS_MIXED = 2
draw = DrawStreetCrop.with_fonts(None)
rounds = [samples.draw_round(draw, 4, first, 3, 4) for first in (0, 3, 6, 9)]
whole = [rounds[turn + number][look] for turn in (0, 2) for look in range(4) for number in range(2)]
def stream(first, count):
    with samples.SampleStream(draw, seed=4, first=first * 3, batch_size=3, workers=1, looks=4) as stream:
        return list(stream.batches(count))
same = lambda some, others: all(np.array_equal(a[k], b[k]) for a, b in zip(some, others, strict=True) for k in (0, 1))
print(same(stream(0, 10), whole[:10]), same(stream(5, 6), whole[5:11]))
"""


def test_looks_are_streamed_apart_from_each_other_and_resumed_in_their_middle() -> None:
    """In a process of its own, as above."""
    done = subprocess.run([sys.executable, "-c", LOOKS], capture_output=True, text=True, timeout=100, check=False)
    assert (done.stdout.strip(), done.returncode) == ("True True", 0), done.stderr


def test_looks_at_one_plate_differ_and_say_the_same() -> None:
    looks = DrawStreetCrop.with_fonts(None).looks(np.random.default_rng(12), 4)
    crops, targets = zip(*looks, strict=True)
    assert len({target.tobytes() for target in targets}) == 1
    assert len({crop.tobytes() for crop in crops}) == 4
