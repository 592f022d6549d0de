"""Where to look in a frame: where something moves, then where plates were seen before, the whole now and then.

A plate in a small part of a large picture is lost when the whole is shrunk to the detector's view, and seen when only
that part is. So each frame is looked at in at most two views. Sans-I/O: time comes in with each frame.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from vigie_agent.plates.detector import Box
from vigie_agent.reading import Region

View = tuple[int, int, int, int]
"""Left, top, right, bottom of a part of the frame, in pixels."""

_VIEW_PX: Final = (320, 192)
"""About what the detector sees at once: nothing smaller is looked at, since that would show no more."""
_WHOLE_EVERY: Final = 5
"""One frame in so many is looked at as a whole, wherever something moves."""
_MARGIN: Final = 0.25
"""What is added around a region on each side: a plate hangs out of what moves of its vehicle."""
_NEARLY_WHOLE: Final = 0.7
_PLACES_MOST: Final = 8
_HALF_LIFE_SECONDS: Final = 600.0
_FORGOTTEN: Final = 0.05
_AROUND_PLATE: Final = 4.0
"""A place's width in plate widths."""
_WAIT_SECONDS: Final = 0.5
"""A place that was looked at so lately waits."""
_WAIT_COUNTED_SECONDS: Final = 10.0


@dataclass
class Place:
    """Where plates were seen: the view around them, how often, and when it was last looked at."""

    view: View
    weight: float
    weighed_at: float
    looked_at: float

    def weight_at(self, at_seconds: float) -> float:
        """How much it counts by now."""
        return self.weight * math.exp2(-max(0.0, at_seconds - self.weighed_at) / _HALF_LIFE_SECONDS)

    def waited(self, at_seconds: float) -> float:
        """Seconds since it was looked at; a clock set back means long."""
        since = at_seconds - self.looked_at
        return since if 0 <= since < _WAIT_COUNTED_SECONDS else _WAIT_COUNTED_SECONDS

    def worth_at(self, at_seconds: float) -> float:
        """How much a look at it is due."""
        return self.weight_at(at_seconds) * self.waited(at_seconds)


class Gaze:
    """Chooses the views of one camera's frames, and remembers where looking was worth it."""

    def __init__(self) -> None:
        self._places: list[Place] = []
        self._frames = 0

    def views(self, at_seconds: float, frame_px: tuple[int, int], region: Region | None) -> list[View]:
        """One or two parts of a frame of that width and height."""
        self._frames += 1
        moving = None if region is None else _around(region, frame_px)
        if moving is None or self._frames % _WHOLE_EVERY == 0:
            return [(0, 0, *frame_px)]
        return [moving, *self._remembered(at_seconds, frame_px, moving)]

    def saw(self, at_seconds: float, frame_px: tuple[int, int], boxes: Sequence[Box]) -> None:
        """Plates were found there."""
        for box in boxes:
            here = next((place for place in self._places if _holds(place.view, box)), None)
            if here is None:
                here = Place(_place_view(box, frame_px), 0.0, at_seconds, at_seconds)
                self._places.append(here)
            here.weight, here.weighed_at = here.weight_at(at_seconds) + 1.0, at_seconds
        ranked = sorted(self._places, key=lambda place: -place.weight_at(at_seconds))
        self._places = [place for place in ranked[:_PLACES_MOST] if place.weight_at(at_seconds) > _FORGOTTEN]

    def _remembered(self, at_seconds: float, frame_px: tuple[int, int], moving: View) -> Iterator[View]:
        """The place most worth a look by its weight and its wait, of those outside `moving`."""
        apart = [
            place
            for place in self._places
            if not _covers(moving, place.view)
            and _covers((0, 0, *frame_px), place.view)
            and place.waited(at_seconds) >= _WAIT_SECONDS
        ]
        best = max(apart, key=lambda place: place.worth_at(at_seconds), default=None)
        if best is not None:
            best.looked_at = at_seconds
            yield best.view


def _around(region: Region, frame_px: tuple[int, int]) -> View | None:
    """The region in pixels and what surrounds it; None where that is next to the whole frame, or nothing."""
    left, top, right, bottom = region
    if not (left < right and top < bottom):
        return None
    margin_x, margin_y = _MARGIN * (right - left), _MARGIN * (bottom - top)
    width, height = frame_px
    view = _fitted(
        (
            (left - margin_x) * width,
            (top - margin_y) * height,
            (right + margin_x) * width,
            (bottom + margin_y) * height,
        ),
        frame_px,
    )
    across, down = view[2] - view[0], view[3] - view[1]
    shrunk = max(across / _VIEW_PX[0], down / _VIEW_PX[1])
    whole = max(width / _VIEW_PX[0], height / _VIEW_PX[1])
    return view if shrunk < _NEARLY_WHOLE * whole else None


def _place_view(box: Box, frame_px: tuple[int, int]) -> View:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    half = _AROUND_PLATE * (box[2] - box[0]) / 2
    flat = half * _VIEW_PX[1] / _VIEW_PX[0]
    return _fitted((x - half, y - flat, x + half, y + flat), frame_px)


def _fitted(wanted: Box, frame_px: tuple[int, int]) -> View:
    """At least what the detector sees at once, within the frame."""
    left, right = _span(wanted[0], wanted[2], _VIEW_PX[0], frame_px[0])
    top, bottom = _span(wanted[1], wanted[3], _VIEW_PX[1], frame_px[1])
    return left, top, right, bottom


def _span(low: float, high: float, least: int, most: int) -> tuple[int, int]:
    """From `low` to `high` as far as that lies in 0 to `most`, and at least `least` where there is room."""
    start, end = max(0, math.floor(low)), min(most, math.ceil(high))
    if end - start >= least:
        return start, end
    length = min(least, most)
    start = max(0, min(round((low + high - length) / 2), most - length))
    return start, start + length


def _covers(view: View, other: View) -> bool:
    return view[0] <= other[0] and view[1] <= other[1] and view[2] >= other[2] and view[3] >= other[3]


def _holds(view: View, box: Box) -> bool:
    """Whether the box lies in the view and clear of its edges."""
    clear = (box[2] - box[0]) / 2
    return (
        view[0] + clear <= box[0]
        and view[1] + clear / 2 <= box[1]
        and box[2] <= view[2] - clear
        and box[3] <= view[3] - clear / 2
    )
