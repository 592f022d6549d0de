"""What a plate says: aligned, its lines straightened, and the network's steps over them decoded."""

from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vigie_agent.plates.aligner import Aligned, Aligner, Layout
from vigie_agent.plates.calibration import AS_READ, Calibration
from vigie_agent.plates.decoding import Reading, decode_lines, softmax
from vigie_agent.plates.detector import Detection
from vigie_agent.plates.rectify import Corners, Luma, Points, rectify
from vigie_agent.plates.runtime import MODELS, Network, Weights, load_network
from vigie_shared.plates import MOROCCAN, PlateKind

LINES_SURE: Final = 0.97
"""From so sure on of the number of lines, no other is tried."""

Kinds = Mapping[Layout, Sequence[PlateKind]]
_ONE_LINE: Final[Kinds] = {
    "civil": ("civil",),
    "provisional": ("ww", "w18"),
    "state": ("state", "police", "forces"),
    "dashed": ("diplomatic", "before2000"),
    "foreign": ("european",),
}
_TWO_LINES: Final[Kinds] = {"two-line": ("civil",), "moped": ("moped",)}


class Reader:
    """Reads plates that a detector has found, of the `kinds` that may pass here. One thread at a time."""

    def __init__(self, folder: Path = MODELS, kinds: Sequence[PlateKind] = MOROCCAN, weights: Weights = "auto") -> None:
        self._network = load_network("reader", folder, weights)
        self._aligner = Aligner(folder, weights)
        self._tokens = self._network.entry.alphabet
        fitted = self._network.entry.calibration
        self._calibration = Calibration.from_table(fitted) if fitted else AS_READ
        self._kinds = tuple(kinds)
        self._height_px, self._width_px = self._network.input_shape
        self.lines_read = 0
        """Lines that the network has gone over: what reading has cost so far."""

    @property
    def network(self) -> Network:
        """What it reads with."""
        return self._network

    def read(self, luma: Luma, corners: Corners) -> Reading | None:
        """The plate in or around `corners` of a grey picture, or None when what is there spells no plate."""
        return self.read_aligned(luma, self._aligner.align(luma, corners))

    def read_found(self, luma: Luma, found: Detection) -> Reading | None:
        """The same for a plate that a detector has found in that picture."""
        return self.read_aligned(luma, found.aligned or self._aligner.align(luma, found.corners))

    def align(self, luma: Luma, corners: Corners) -> Aligned:
        """Where exactly the plate in or around `corners` lies, and of which layout it is."""
        return self._aligner.align(luma, corners)

    def read_aligned(self, luma: Luma, aligned: Aligned) -> Reading | None:
        """The plate whose points and layout are known."""
        layouts = aligned.layouts
        if not aligned.is_plate:
            return None
        two_lines = sum(layouts[layout] for layout in _TWO_LINES)
        one = two = None
        if two_lines < LINES_SURE and (kinds := chances(layouts, _ONE_LINE, self._kinds)):
            one = self._read_lines(luma, (aligned.points,), kinds, layouts)
        if two_lines > 1 - LINES_SURE and (kinds := chances(layouts, _TWO_LINES, self._kinds)):
            two = self._read_lines(luma, halves(aligned.points), kinds, layouts)
        if one is None or two is None:
            return one or two
        return one if one.evidence.likelihood * (1 - two_lines) > two.evidence.likelihood * two_lines else two

    def read_crop(self, crop: Luma) -> Reading | None:
        """The one-line plate on a crop that `rectify` made."""
        return decode_lines([self._steps(crop)], self._tokens, self._kinds, calibration=self._calibration)

    def _read_lines(
        self,
        luma: Luma,
        lines: Sequence[Corners | Points],
        kinds: Mapping[PlateKind, float],
        layouts: Mapping[Layout, float],
    ) -> Reading | None:
        steps = [self._steps(rectify(luma, line, self._width_px, self._height_px)) for line in lines]
        return decode_lines(steps, self._tokens, self._kinds, kinds, self._calibration, 1.0 - layouts["none"])

    def _steps(self, crop: Luma) -> NDArray[np.float32]:
        self.lines_read += 1
        return softmax(self._network.run(crop))


def chances(layouts: Mapping[Layout, float], kinds: Kinds, known: Container[PlateKind]) -> dict[PlateKind, float]:
    """How likely each of the `known` kinds is by the plate's looks."""
    return {kind: layouts[layout] for layout, some in kinds.items() for kind in some if kind in known}


def halves(points: Corners | Points) -> tuple[Corners | Points, Corners | Points]:
    """The upper and the lower half of a plate, told by as many points."""
    some = len(points) // 2
    middle = (points[:some] + points[: some - 1 : -1]) / 2
    return np.concatenate([points[:some], middle[::-1]]), np.concatenate([middle, points[some:]])
