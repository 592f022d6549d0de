"""Worn plates keep a trace of every stroke: at its edges, on one side, in streaks, in little ink, or as relief."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from training.street import wear
from training.street.sheet import Sheet


def stroke() -> Image.Image:
    """One upright stroke of 12 pixels."""
    ink = Image.new("L", (60, 80), 0)
    ImageDraw.Draw(ink).rectangle((24, 10, 35, 69), fill=255)
    return ink


def only(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Every stroke meets the fate of that name."""
    for other in ("_OUTLINED", "_ONE_SIDED", "_SCRATCHED"):
        monkeypatch.setattr(wear, other, 1.0 if other == name else 0.0)


def profiles() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Ink across the stroke, for some seeds."""
    return np.stack([wear.inked(stroke(), np.random.default_rng(seed))[20:60].mean(axis=0) for seed in range(20)])


def test_a_seed_wears_the_same_again() -> None:
    one, other = (wear.inked(stroke(), np.random.default_rng(4)) for _ in range(2))
    assert np.array_equal(one, other)


def test_whole_strokes_are_darkest_in_their_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "none")
    assert (profiles()[:, 29] > 0.95).all()


def test_outlined_strokes_have_less_ink_in_their_middle_than_at_both_edges(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "_OUTLINED")
    across = profiles()
    middle, left, right = across[:, 29], across[:, 22:28].max(axis=1), across[:, 32:38].max(axis=1)
    assert (middle < left).mean() > 0.9
    assert (middle < right).mean() > 0.9


def test_one_sided_strokes_keep_more_ink_on_one_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "_ONE_SIDED")
    across = profiles()
    left, right = across[:, 20:29].sum(axis=1), across[:, 31:40].sum(axis=1)
    assert (np.abs(left - right) > 0.5).mean() > 0.6
    assert {bool(side) for side in left > right} == {False, True}


def test_streaks_run_along_the_plate(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "_SCRATCHED")
    whole = Image.new("L", (160, 80), 255)
    down = along = 0.0
    for seed in range(20):
        mask = wear.inked(whole, np.random.default_rng(seed))
        down += float(np.abs(np.diff(mask, axis=0)).mean())
        along += float(np.abs(np.diff(mask, axis=1)).mean())
    assert down > 2 * along > 0


def test_a_faint_character_pales_and_its_neighbours_do_not() -> None:
    for seed in range(20):
        mask = np.ones((80, 60), dtype=np.float32)
        wear.thin_out(mask, [((10, 20, 30, 60), 0.2)], np.random.default_rng(seed))
        assert 0.15 < mask[20:60, 10:30].mean() < 0.98
        mask[20:60, 10:30] = 1
        assert (mask == 1).all()


def test_bare_strokes_have_a_bright_and_a_dark_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wear, "_BARE", 1.0)
    mask = np.asarray(stroke()).astype(np.float32) / np.float32(255)
    for seed in range(20):
        edges, left = wear.relief(mask, np.random.default_rng(seed))
        assert left <= 0.6
        assert edges.max() > 40
        assert edges.min() < -40


def test_a_stamp_of_little_ink_is_paler_on_the_finished_plate() -> None:
    darker = 0
    for seed in range(30):
        sheet = Sheet(160, 80, 230, 20)
        block = Image.new("L", (40, 50), 255)
        sheet.stamp(block, 20, 15)
        sheet.stamp(block, 100, 15, 0.15)
        picture = sheet.finished(np.random.default_rng(seed)).astype(float)
        contrast = [abs(picture[25:55, left : left + 20].mean() - picture[:, 70:90].mean()) for left in (30, 110)]
        darker += contrast[0] > contrast[1]
    assert darker >= 24


def test_paper_in_strips_moves_characters_up_and_down_and_leaves_what_is_before_the_first_seam(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wear, "_TORN", 0.0)
    moved = 0
    for seed in range(20):
        picture = np.full((80, 300), 200, dtype=np.float32)
        picture[30:50] = 20
        picture[2, :] = 90
        whole = picture.copy()
        wear.pieced(picture, np.random.default_rng(seed))
        assert picture.shape == whole.shape
        assert (picture[30:50, :12] == 20).all()
        moved += not np.array_equal(picture > 150, whole > 150)
    assert moved > 12


def test_torn_paper_lacks_one_corner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wear, "_TORN", 1.0)
    missing = set()
    for seed in range(20):
        picture = np.full((80, 300), 250, dtype=np.float32)
        wear.pieced(picture, np.random.default_rng(seed))
        corners = picture[[0, 0, -1, -1], [0, -1, 0, -1]] < 130
        assert corners.sum() == 1
        missing.add(int(corners.argmax()))
    assert missing == {0, 1, 2, 3}
