"""The scenes there are films of: a crossing, a quiet gate, and the street before a patrol car."""

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw

from vigie_agent.synthetic import backdrops
from vigie_agent.synthetic.plates import random_plate
from vigie_agent.synthetic.stage import Actor, Camera, Path, Scene, Spot
from vigie_agent.synthetic.vehicles import Sprite, draw_vehicle
from vigie_shared.plates import Plate

SceneName = Literal["crossing", "gate", "patrol"]
QUIET_SECONDS = 3.0
"""Nothing moves for so long at both ends: a looped film has no jump, and motion ends."""

_FAR_M, _NEAR_M = 75.0, 2.8
_SLOWING_SECONDS = 2.4
_PATROL_METRES_A_SECOND = 5.0
_PASSING_SECONDS = _SLOWING_SECONDS * math.log(_FAR_M / _NEAR_M)


def make_scene(name: SceneName, seed: int) -> Scene:
    """The scene called `name`; the same seed draws the same vehicles."""
    return _MAKERS[name](np.random.default_rng((seed, *name.encode())))


def crossing(rng: np.random.Generator, vehicles: int = 10) -> Scene:
    """A road seen from a mast: vehicles come on the left and leave on the right, slowest where they are nearest."""
    camera = Camera()
    pairs = math.ceil(vehicles / 2)
    spacing = 4.0
    actors = []
    for index, plate in enumerate(_distinct_plates(rng, vehicles)):
        coming = index % 2 == 0
        start = QUIET_SECONDS + spacing * (index // 2) + float(rng.uniform(0, 0.35))
        sprite = draw_vehicle(plate, rng, rear=not coming, slope=float(rng.uniform(0.01, 0.04)) * (1 if coming else -1))
        actors.append(Actor(sprite, _passing(-1.0 if coming else 1.0, start, coming=coming)))
    still = backdrops.road(camera, rng)
    seconds = 2 * QUIET_SECONDS + spacing * (pairs - 1) + 0.35 + _PASSING_SECONDS
    return Scene("crossing", math.ceil(seconds), camera, lambda _: still.copy(), actors)


def gate(rng: np.random.Generator) -> Scene:
    """A closed gate in grainy light; one person walks by."""
    camera = Camera(focal_px=700, height_m=3.2, horizon_px=60)
    still = backdrops.forecourt(camera, rng)
    start, speed = 10.0 + float(rng.uniform(0, 2)), 1.7
    walker = Actor(_person(rng), lambda at: Spot(-9 + speed * (at - start), 11.0) if at >= start else None)
    return Scene("gate", 26, camera, lambda _: still.copy(), [walker], noise=3.5, light_drift=3.0)


def patrol(rng: np.random.Generator, vehicles: int = 6) -> Scene:
    """A street from a car that starts, passes a parked row, and stops."""
    camera = Camera(focal_px=1300, height_m=1.4, horizon_px=170, axis_px=400)
    spacing = 9.0
    period = backdrops.STREET_PERIOD_M
    distance = period * math.ceil((60 + spacing * vehicles) / period)
    seconds = 2 * QUIET_SECONDS + distance / _PATROL_METRES_A_SECOND
    travelled = _drive(distance, QUIET_SECONDS, seconds - QUIET_SECONDS)
    actors = []
    for index, plate in enumerate(_distinct_plates(rng, vehicles)):
        sprite = draw_vehicle(plate, rng, rear=bool(rng.random() < 0.7), slope=float(rng.uniform(0.01, 0.03)))
        actors.append(Actor(sprite, _standing(1.95, 62 + spacing * index, travelled)))
    for metre in range(12, distance + 60, 12):
        actors.append(Actor(_post(), _standing(-4.5, metre, travelled)))
    return Scene("patrol", math.ceil(seconds), camera, backdrops.street(camera, rng, travelled), actors)


def _distinct_plates(rng: np.random.Generator, count: int) -> list[Plate]:
    plates: dict[str, Plate] = {}
    while len(plates) < count:
        plate = random_plate(rng)
        plates[plate.text] = plate
    return list(plates.values())


def _passing(x_m: float, start: float, *, coming: bool) -> Path:
    def path(at_seconds: float) -> Spot | None:
        since = at_seconds - start
        if not 0 <= since <= _PASSING_SECONDS:
            return None
        grown = math.exp(since / _SLOWING_SECONDS)
        return Spot(x_m, _FAR_M / grown if coming else _NEAR_M * grown)

    return path


def _standing(x_m: float, at_metre: float, travelled: Callable[[float], float]) -> Path:
    def path(at_seconds: float) -> Spot | None:
        ahead = at_metre - travelled(at_seconds)
        return Spot(x_m, ahead) if 1.5 < ahead < 60 else None

    return path


def _drive(distance: float, start: float, end: float) -> Callable[[float], float]:
    """Metres gone: smooth at both ends, steady between."""

    def travelled(at_seconds: float) -> float:
        share = min(1.0, max(0.0, (at_seconds - start) / (end - start)))
        return distance * (share - math.sin(2 * math.pi * share) / (2 * math.pi) * 0.3)

    return travelled


def _person(rng: np.random.Generator) -> Sprite:
    unit = 140
    image = Image.new("RGBA", (90, 250), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    coat = tuple(int(channel) for channel in rng.integers(30, 120, 3))
    pen.rounded_rectangle((26, 130, 42, 250), 6, fill=(34, 36, 44))
    pen.rounded_rectangle((48, 130, 64, 250), 6, fill=(34, 36, 44))
    pen.rounded_rectangle((18, 48, 72, 150), 18, fill=coat)
    pen.ellipse((30, 4, 60, 44), fill=(172, 132, 104))
    return Sprite(image, unit)


def _post() -> Sprite:
    image = Image.new("RGBA", (12, 200), (0, 0, 0, 0))
    ImageDraw.Draw(image).rectangle((3, 0, 8, 200), fill=(70, 74, 70))
    return Sprite(image, 50)


_MAKERS: dict[str, Callable[[np.random.Generator], Scene]] = {"crossing": crossing, "gate": gate, "patrol": patrol}
