"""What a plate says: its lines straightened, and the network's steps over them decoded."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vigie_agent.plates.decoding import Reading, decode_lines, softmax
from vigie_agent.plates.rectify import Corners, Luma, rectify
from vigie_agent.plates.runtime import MODELS, load_network
from vigie_shared.plates import MOROCCAN, PlateKind

TWO_LINES_TO, ONE_LINE_FROM = 2.6, 1.7
"""A plate's width over its height: up to the first it may have two lines, from the second on one."""
SURE_ENOUGH = 0.5
_SLOPES = (0.2, -0.2, 0.4, -0.4)
_GROWTHS = (1.12, 1.25, 0.9)


class Reader:
    """Reads plates that a detector has found, of the `kinds` that may pass here."""

    def __init__(self, folder: Path = MODELS, kinds: Sequence[PlateKind] = MOROCCAN) -> None:
        self._network = load_network("reader", folder)
        self._tokens = self._network.entry.alphabet
        self._kinds = tuple(kinds)
        self._height_px, self._width_px = self._network.input_shape

    def read(self, luma: Luma, corners: Corners) -> Reading | None:
        """The plate within `corners` of a grey picture, or None when what is there spells no plate.

        Where it cannot be read surely, the corners are doubted: a plate in an upright box, which no detector has told,
        may lie on a slope; a detector may have told them too near or too far.
        """
        first = self._read_once(luma, corners)
        if first and first.confidence >= SURE_ENOUGH:
            return first
        if is_upright(corners):
            guesses = [sloped(corners, slope) for slope in _SLOPES]
        else:
            guesses = [grown(corners, factor) for factor in _GROWTHS]
        others = (self._read_once(luma, guess) for guess in guesses)
        return max((one for one in (first, *others) if one), key=lambda one: one.confidence, default=None)

    def _read_once(self, luma: Luma, corners: Corners) -> Reading | None:
        ratio = _ratio(corners)
        one = self._read_lines(luma, (corners,)) if ratio >= ONE_LINE_FROM else None
        two = self._read_lines(luma, halves(corners)) if ratio <= TWO_LINES_TO else None
        return max((found for found in (one, two) if found), key=lambda found: found.confidence, default=None)

    def read_crop(self, crop: Luma) -> Reading | None:
        """The one-line plate on a crop that `rectify` made."""
        return decode_lines([softmax(self._network.run(crop))], self._tokens, self._kinds)

    def _read_lines(self, luma: Luma, lines: Sequence[Corners]) -> Reading | None:
        crops = (rectify(luma, line, self._width_px, self._height_px) for line in lines)
        steps = [softmax(self._network.run(crop)) for crop in crops]
        return decode_lines(steps, self._tokens, self._kinds)


def is_upright(corners: Corners) -> bool:
    """Whether the corners are exactly those of a box without a slope."""
    (left, top), _, (right, bottom), _ = corners
    return bool((corners == [[left, top], [right, top], [right, bottom], [left, bottom]]).all())


def sloped(corners: Corners, slope: float) -> Corners:
    """The plate that fills a box on a slope: its ends are lower than the box by that share, rising to the right."""
    left, right = (corners[3] - corners[0]) * abs(slope), (corners[2] - corners[1]) * abs(slope)
    nothing = np.zeros_like(left)
    cut = (left, nothing, -right, nothing) if slope > 0 else (nothing, right, nothing, -left)
    result: Corners = (corners + np.stack(cut)).astype(np.float32)
    return result


def grown(corners: Corners, factor: float) -> Corners:
    """The corners farther from their middle along the plate, and a little across it."""
    along = (corners[1] + corners[2] - corners[0] - corners[3]) * (factor - 1) / 4
    across = (corners[2] + corners[3] - corners[0] - corners[1]) * (factor - 1) / 8
    outwards = [-along - across, along - across, along + across, -along + across]
    result: Corners = (corners + np.stack(outwards)).astype(np.float32)
    return result


def halves(corners: Corners) -> tuple[Corners, Corners]:
    """The upper and the lower half of a plate."""
    middle = (corners[:2] + corners[:1:-1]) / 2
    return np.concatenate([corners[:2], middle[::-1]]), np.concatenate([middle, corners[2:]])


def _ratio(corners: Corners) -> float:
    across, down = corners[1] + corners[2] - corners[0] - corners[3], corners[2] + corners[3] - corners[0] - corners[1]
    return float(np.linalg.norm(across)) / max(1e-6, float(np.linalg.norm(down)))
