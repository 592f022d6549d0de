"""Where in a picture there are plates."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vigie_agent.plates.rectify import Corners, Luma
from vigie_agent.plates.runtime import MODELS, load_network

_STRIDE_PX = 8
_CLOSER_MOST = 3
_CLOSER_SPAN = 3.6
_CLOSER_THRESHOLD = 0.2
_GAIN_LEAST = 1.4

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""


@dataclass(frozen=True)
class Detection:
    """A plate in the picture: its upright box, its corners clockwise from the top left, and how sure it is (0 to 1)."""

    box: Box
    corners: Corners
    score: float

    @property
    def width_px(self) -> float:
        """The plate's own width, along its upper edge."""
        return float(np.linalg.norm(self.corners[1] - self.corners[0]))

    def moved(self, scale: float, origin: tuple[int, int]) -> Self:
        """The same in pixels of the whole, where it was found in a part: shrunk by `scale`, from `origin`."""
        (x, y), (left, top, right, bottom) = origin, (edge * scale for edge in self.box)
        corners = self.corners * np.float32(scale) + np.array(origin, dtype=np.float32)
        return replace(self, box=(left + x, top + y, right + x, bottom + y), corners=corners)


class Detector:
    """Finds plates in pictures of any size, seen through a small letterboxed view."""

    def __init__(self, folder: Path = MODELS, threshold: float = 0.5) -> None:
        self._network = load_network("detector", folder)
        self._height_px, self._width_px = self._network.input_shape
        self._threshold = threshold

    def detect(self, luma: Luma) -> list[Detection]:
        """The plates in a grey picture (H x W), surest first; the first few are looked at once more from near by."""
        found = self._look(luma, self._threshold)
        return [self._closer(luma, one) for one in found[:_CLOSER_MOST]] + found[_CLOSER_MOST:]

    def _look(self, luma: Luma, threshold: float) -> list[Detection]:
        view, scale = self._view(luma)
        return [one.moved(scale, (0, 0)) for one in decode(self._network.run(view), threshold)]

    def _closer(self, luma: Luma, found: Detection) -> Detection:
        """The same plate, its corners told from a view that it fills; what is not seen there stays as it was."""
        left, top, right, bottom = self._neighbourhood(luma, found)
        if (right - left) * _GAIN_LEAST > max(luma.shape[1], luma.shape[0] * self._width_px / self._height_px):
            return found
        near = (one.moved(1, (left, top)) for one in self._look(luma[top:bottom, left:right], _CLOSER_THRESHOLD))
        same = [one for one in near if _is_on(found, one)]
        return replace(same[0], score=found.score) if same else found

    def _neighbourhood(self, luma: Luma, found: Detection) -> tuple[int, int, int, int]:
        middle_x, middle_y = (float(value) for value in found.corners.mean(axis=0))
        (low_x, low_y), (high_x, high_y) = found.corners.min(axis=0), found.corners.max(axis=0)
        across = max(float(high_x - low_x), float(high_y - low_y) * self._width_px / self._height_px) * _CLOSER_SPAN
        down = across * self._height_px / self._width_px
        left, top = max(0, int(middle_x - across / 2)), max(0, int(middle_y - down / 2))
        right, bottom = (
            min(luma.shape[1], int(middle_x + across / 2) + 2),
            min(luma.shape[0], int(middle_y + down / 2) + 2),
        )
        return left, top, max(right, left + 2), max(bottom, top + 2)

    def _view(self, luma: Luma) -> tuple[Luma, float]:
        height, width = luma.shape
        scale = max(width / self._width_px, height / self._height_px)
        size = (max(1, round(width / scale)), max(1, round(height / scale)))
        whole = Image.fromarray(luma)
        small = np.asarray(whole.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0) if scale != 1 else whole)
        view = np.full((self._height_px, self._width_px), int(small.mean()), dtype=np.uint8)
        view[: size[1], : size[0]] = small
        return view, scale


def decode(cells: NDArray[np.float32], threshold: float) -> list[Detection]:
    """Detections in view pixels: each group of cells that mean the same plate gives one, their mean by score."""
    scores = 1 / (1 + np.exp(-cells[..., 0]))
    rows, columns = np.nonzero(scores >= threshold)
    order = np.argsort(-scores[rows, columns])
    rows, columns = rows[order], columns[order]
    left = scores[rows, columns]
    centres = np.stack([columns, rows], axis=1).astype(np.float32) + 0.5
    values = cells[rows, columns]
    boxes = np.concatenate([centres - values[:, 1:3], centres + values[:, 3:5]], axis=1) * _STRIDE_PX
    corners = (values[:, 5:].reshape(-1, 4, 2) + centres[:, None, :]) * _STRIDE_PX
    found = []
    while len(left):
        same = _same_plate(boxes[0], boxes)
        same[0] = True
        weights = (left[same] / left[same].sum()).astype(np.float32)
        box = tuple(float(edge) for edge in weights @ boxes[same])
        mean = np.tensordot(weights, corners[same], axes=1).astype(np.float32)
        found.append(Detection((box[0], box[1], box[2], box[3]), mean, float(left[0])))
        left, boxes, corners = left[~same], boxes[~same], corners[~same]
    return found


def _same_plate(one: NDArray[np.float32], many: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which boxes have their middle on or just beside `one`: plates never overlap, and they are too thin for IoU."""
    width, height = one[2] - one[0], one[3] - one[1]
    apart = np.abs((many[:, :2] + many[:, 2:]) / 2 - (one[:2] + one[2:]) / 2)
    result: NDArray[np.bool_] = (apart[:, 0] < 0.6 * width) & (apart[:, 1] < 1.2 * height)
    return result


def _is_on(one: Detection, other: Detection) -> bool:
    """Whether the middle of one box lies on the other."""
    x, y = (float(value) for value in one.corners.mean(axis=0))
    left, top, right, bottom = other.box
    return left <= x <= right and top <= y <= bottom
