"""A stage: flat actors that stand on the ground before a camera, put into each frame by pasting."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vigie_agent.synthetic.vehicles import Sprite
from vigie_shared.plates import Plate

_SMALLEST_PX = 6


@dataclass(frozen=True)
class Camera:
    """A pinhole camera that looks level along z: `x_m` to the right, `z_m` away from it."""

    width_px: int = 960
    height_px: int = 540
    focal_px: float = 1600.0
    height_m: float = 2.6
    horizon_px: float = -60.0
    axis_px: float = 480.0

    def ground(self, x_m: float, z_m: float) -> tuple[float, float]:
        """Where a point of the ground appears."""
        scale = self.focal_px / z_m
        return self.axis_px + x_m * scale, self.horizon_px + self.height_m * scale


@dataclass(frozen=True)
class Spot:
    """Where an actor stands."""

    x_m: float
    z_m: float


Path = Callable[[float], Spot | None]
"""An actor's place at a second of the film; None while it is away."""


@dataclass(frozen=True)
class PlateView:
    """A plate as a frame shows it."""

    plate: Plate
    corners: NDArray[np.float32]


@dataclass(frozen=True)
class Actor:
    """A sprite and its way."""

    sprite: Sprite
    path: Path

    @cached_property
    def _levels(self) -> list[Image.Image]:
        levels = [self.sprite.image]
        while min(levels[-1].size) >= 2 * _SMALLEST_PX:
            levels.append(levels[-1].reduce(2))
        return levels

    def box(self, camera: Camera, at_seconds: float) -> tuple[int, int, int, int] | None:
        """Left, top, right and bottom in the frame, or None when it does not touch the frame."""
        spot = self.path(at_seconds)
        if spot is None or spot.z_m <= 0:
            return None
        scale = camera.focal_px / spot.z_m
        x, y = camera.ground(spot.x_m, spot.z_m)
        width, height = self.sprite.width_m * scale, self.sprite.height_m * scale
        box = (round(x - width / 2), round(y - height), round(x + width / 2), round(y))
        outside = box[2] <= 0 or box[3] <= 0 or box[0] >= camera.width_px or box[1] >= camera.height_px
        return None if outside or min(box[2] - box[0], box[3] - box[1]) < _SMALLEST_PX else box

    def paste_into(self, frame: Image.Image, box: tuple[int, int, int, int]) -> None:
        """Draw it, `box` being where."""
        size = (box[2] - box[0], box[3] - box[1])
        level = next((one for one in reversed(self._levels) if one.width >= size[0]), self.sprite.image)
        scaled = level.resize(size, Image.Resampling.BILINEAR)
        frame.paste(scaled, box[:2], scaled)

    def plate_view(self, box: tuple[int, int, int, int]) -> PlateView | None:
        """Its plate within `box`."""
        if self.sprite.plate is None:
            return None
        across = (box[2] - box[0]) / self.sprite.image.width
        down = (box[3] - box[1]) / self.sprite.image.height
        corners = np.array(self.sprite.plate_corners, dtype=np.float32) * np.array([across, down], dtype=np.float32)
        return PlateView(self.sprite.plate, corners + np.array(box[:2], dtype=np.float32))


@dataclass(frozen=True)
class Scene:
    """What a film shows: a backdrop and its actors."""

    name: str
    seconds: float
    camera: Camera
    backdrop: Callable[[float], Image.Image]
    actors: Sequence[Actor] = field(default_factory=tuple)
    noise: float = 2.0
    light_drift: float = 0.0

    def draw(self, at_seconds: float) -> Image.Image:
        """The frame at a second of the film, far actors first."""
        frame = self.backdrop(at_seconds)
        for actor, box in self._visible(at_seconds):
            actor.paste_into(frame, box)
        return frame

    def plates(self, at_seconds: float) -> list[PlateView]:
        """Every plate that lies wholly in that frame; a nearer vehicle may still hide it."""
        views = [actor.plate_view(box) for actor, box in self._visible(at_seconds)]
        return [view for view in views if view and self._holds(view.corners)]

    def _visible(self, at_seconds: float) -> list[tuple[Actor, tuple[int, int, int, int]]]:
        boxes = [(actor, actor.box(self.camera, at_seconds)) for actor in self.actors]
        seen = [(actor, box) for actor, box in boxes if box is not None]
        return sorted(seen, key=lambda one: one[1][3])

    def _holds(self, corners: NDArray[np.float32]) -> bool:
        edge = np.array([self.camera.width_px, self.camera.height_px])
        return bool((corners >= 0).all() and (corners <= edge).all())
