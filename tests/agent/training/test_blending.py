"""Weights between two trainings of one network."""

import numpy as np
import pytest

from training.blending import blended

BEFORE = [np.array([0.0, 2.0], dtype=np.float32), np.array([[1.0]], dtype=np.float32)]
AFTER = [np.array([1.0, 4.0], dtype=np.float32), np.array([[-1.0]], dtype=np.float32)]


def test_the_share_says_how_far_along_the_way_every_array_lies() -> None:
    between = blended(BEFORE, AFTER, 0.75)
    assert [array.tolist() for array in between] == [[0.75, 3.5], [[-0.5]]]
    assert all(array.dtype == np.float32 for array in between)


def test_the_ends_are_the_two_trainings() -> None:
    for share, wanted in ((0.0, BEFORE), (1.0, AFTER)):
        assert all(np.array_equal(one, other) for one, other in zip(blended(BEFORE, AFTER, share), wanted, strict=True))


def test_networks_of_different_build_and_shares_beyond_the_ends_are_refused() -> None:
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        blended(BEFORE, AFTER[:1], 0.5)
    with pytest.raises(ValueError, match=r"not at 1\.5"):
        blended(BEFORE, AFTER, 1.5)
