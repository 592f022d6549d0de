"""Samples drawn ahead are the ones that would be drawn while training, and come in other light when they come again."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from training.drawn import DrawnBatches, relit


def kept(folder: Path, samples: int) -> None:
    """Files of grey pictures, each of the tone that is its target."""
    for number, start in enumerate(range(0, samples, 10)):
        tones = np.arange(start, start + 10)
        pictures = np.broadcast_to(tones[:, None, None], (10, 4, 6)).astype(np.uint8)
        np.savez(folder / f"{number:06}.npz", pictures=pictures, targets=tones)


def test_a_pass_shows_every_sample_once_and_the_next_pass_begins_where_it_ends(tmp_path: Path) -> None:
    kept(tmp_path, 40)
    with DrawnBatches(tmp_path, seed=1, first=0, batch_size=8) as drawn:
        targets = np.concatenate([batch[1] for batch in drawn.batches(10)])
    assert sorted(targets[:40]) == list(range(40))
    assert sorted(targets[40:]) == list(range(40))


def test_a_resumed_run_goes_on_with_the_batch_after(tmp_path: Path) -> None:
    kept(tmp_path, 40)
    whole = [batch[1].tolist() for batch in DrawnBatches(tmp_path, 1, 0, 8).batches(9)]
    resumed = [batch[1].tolist() for batch in DrawnBatches(tmp_path, 1, 8 * 6, 8).batches(3)]
    assert resumed == whole[6:]


def test_pictures_are_as_drawn_first_and_in_other_light_after(tmp_path: Path) -> None:
    kept(tmp_path, 20)
    first, again = list(DrawnBatches(tmp_path, 1, 0, 20).batches(2))
    assert (first[0] == first[1][:, None, None]).all()
    assert (again[0] != again[1][:, None, None]).any()


def test_other_light_keeps_dark_apart_from_bright() -> None:
    pictures = np.zeros((5, 20, 30), dtype=np.uint8)
    pictures[:, :, 15:] = 200
    lit = relit(pictures, np.random.default_rng(2))
    assert (lit[:, :, 15:].mean(axis=(1, 2)) - lit[:, :, :15].mean(axis=(1, 2)) > 100).all()


def test_a_folder_without_samples_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=str(tmp_path)):
        next(DrawnBatches(tmp_path, 1, 0, 8).batches(1))


WRITE = """
import sys
from pathlib import Path
from types import SimpleNamespace
import numpy as np
import training.drawn as drawn
import training.samples as samples
from training.street.crops import DrawStreetCrop
drawn._BATCHES_PER_FILE, drawn._BATCH_SIZE, samples.ROUNDS_MIXED = 4, 3, 2
draw, folder = DrawStreetCrop.with_fonts(None), Path(sys.argv[1])
for _ in range(2):
    files = drawn.write(draw, folder, 20, seed=4, workers=1, looks=2, say=print)
(folder / "000001.npz").unlink()
drawn.write(draw, folder, 20, seed=4, workers=1, looks=2, say=print)
held = np.load(files[1])
rounds = [samples.draw_round(draw, 4, first, 3, 2) for first in (6, 9)]
wanted = [one[look] for look in range(2) for one in rounds]
print(len(files), all(np.array_equal(held[name], np.concatenate([one[k] for one in wanted]))
      for k, name in enumerate(("pictures", "targets"))))
"""


def test_what_is_written_is_what_training_draws_and_a_stopped_run_goes_on(tmp_path: Path) -> None:
    """In a process of its own: multiprocessing keeps a pipe open until its process ends."""
    asked = [sys.executable, "-c", WRITE, str(tmp_path)]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    *told, last = done.stdout.splitlines()
    assert last == "2 True"
    assert told == ["000000.npz: 12 samples", "000001.npz: 12 samples", "000001.npz: 12 samples"]
