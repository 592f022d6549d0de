"""Where in a picture there are plates."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vigie_agent.plates.aligner import Aligned, Aligner
from vigie_agent.plates.rectify import Corners, Luma, corners_of
from vigie_agent.plates.runtime import MODELS, Network, Weights, load_network

_STRIDE_PX = 8
_CLOSER_MOST = 8

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""


@dataclass(frozen=True)
class Detection:
    """A plate in the picture: its upright box, its corners clockwise from the top left, and how sure it is (0 to 1).

    `aligned` is what a look from near has told, where one was taken.
    """

    box: Box
    corners: Corners
    score: float
    aligned: Aligned | None = None

    @property
    def width_px(self) -> float:
        """The plate's own width, along its upper edge."""
        return float(np.linalg.norm(self.corners[1] - self.corners[0]))

    def moved(self, scale: float, origin: tuple[int, int]) -> Self:
        """The same in pixels of the whole, where it was found in a part: shrunk by `scale`, from `origin`."""
        (x, y), (left, top, right, bottom) = origin, (edge * scale for edge in self.box)
        corners = self.corners * np.float32(scale) + np.array(origin, dtype=np.float32)
        aligned = self.aligned.moved(scale, origin) if self.aligned else None
        return replace(self, box=(left + x, top + y, right + x, bottom + y), corners=corners, aligned=aligned)


class Detector:
    """Finds plates in pictures of any size, seen through a small letterboxed view."""

    def __init__(self, folder: Path = MODELS, threshold: float = 0.5, weights: Weights = "auto") -> None:
        self._network = load_network("detector", folder, weights)
        self._aligner = Aligner(folder, weights)
        self._height_px, self._width_px = self._network.input_shape
        self._threshold = threshold

    @property
    def networks(self) -> tuple[Network, Network]:
        """What it looks with, from far and from near."""
        return self._network, self._aligner.network

    def detect(self, luma: Luma) -> list[Detection]:
        """The plates in a grey picture (H x W), surest first; the first few are looked at once more, from near by.

        What looks like no plate from there is none.
        """
        view, scale = self._view(luma)
        found = [one.moved(scale, (0, 0)) for one in decode(self._network.run(view), self._threshold)]
        near = [self._closer(luma, one) for one in found[:_CLOSER_MOST]]
        return [one for one in near if one.aligned and one.aligned.is_plate] + found[_CLOSER_MOST:]

    def _closer(self, luma: Luma, found: Detection) -> Detection:
        """The same plate, its corners told by the aligner; the first look told them roughly."""
        aligned = self._aligner.align(luma, found.corners)
        (left, top), (right, bottom) = aligned.points.min(axis=0).tolist(), aligned.points.max(axis=0).tolist()
        box = (left, top, right, bottom)
        return replace(found, box=box, corners=corners_of(aligned.points), aligned=aligned)

    def _view(self, luma: Luma) -> tuple[Luma, float]:
        height, width = luma.shape
        scale = max(width / self._width_px, height / self._height_px)
        size = (max(1, round(width / scale)), max(1, round(height / scale)))
        picture = Image.fromarray(luma)
        picture = picture.reduce(int(scale)) if scale >= 2 else picture
        small = np.asarray(picture.resize(size, Image.Resampling.BILINEAR) if picture.size != size else picture)
        view = np.full((self._height_px, self._width_px), int(small.mean()), dtype=np.uint8)
        view[: size[1], : size[0]] = small
        return view, scale


def decode(cells: NDArray[np.float32], threshold: float) -> list[Detection]:
    """Detections in view pixels: each group of cells that mean the same plate gives one, their mean by score."""
    rows, columns = np.nonzero(cells[..., 0] >= np.float32(math.log(threshold / (1 - threshold))))
    if not rows.size:
        return []
    scores = 1 / (1 + np.exp(-cells[rows, columns, 0]))
    order = np.argsort(-scores)
    rows, columns, left = rows[order], columns[order], scores[order]
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
