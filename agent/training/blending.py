"""Two trainings of one network met between: what a run learnt, without all of what it forgot."""

from collections.abc import Sequence
from typing import Any

import numpy as np

Weights = Sequence[np.ndarray[Any, Any]]


def blended(before: Weights, after: Weights, share: float) -> list[np.ndarray[Any, Any]]:
    """Each array on the line from `before` to `after`, `share` of the way along.

    Only where `after` went on from `before`: two networks that began apart have nothing between them.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"a share lies between 0 and 1, not at {share}")
    return [(1 - share) * old + share * new for old, new in zip(before, after, strict=True)]
