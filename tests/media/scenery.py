"""Films of places that are watched, with what a detector must see and what it must not, and the truth of both.

Persons and cars come and go among noise, wind in trees, rain, clouds, a shaken mast, a clock in the picture and the
switch to infrared. Everything follows from the film's seed.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, Literal

import av
import numpy as np
import numpy.typing as npt
from av.video.frame import PictureType
from PIL import Image, ImageDraw, ImageFont

from tests.media.passers import BRIGHTEST, DARKEST, Luma, Walk, paste, paste_walk

Noise = npt.NDArray[np.int8]

MARGIN_PX: Final = 8
"""Drawn around the picture, for a camera that shakes."""
EVENTS_PER_FILM: Final = 13
FIRST_EVENT_SECONDS: Final = 66.0
"""Before it nothing happens: a detector may take a minute to learn the place."""
PAUSE_SECONDS: Final = (5.0, 9.0)

Rate = Literal["vbr", "cbr"]


@dataclass(frozen=True, slots=True)
class Place:
    """What is filmed, and how."""

    seed: int
    is_night: bool = False
    has_rain: bool = False
    has_trees: bool = False
    has_shake: bool = False
    has_switch: bool = False
    """By the middle of the film it is night."""
    rate: Rate = "vbr"
    gop_seconds: float = 2.0
    frames_per_second: int = 15
    width_px: int = 1280
    height_px: int = 720
    person_px: int = 0
    """Height of all who pass; 0 for persons and cars of any size."""
    events: int = EVENTS_PER_FILM
    first_event_seconds: float = FIRST_EVENT_SECONDS

    @property
    def name(self) -> str:
        """What the film is of, in its file's name."""
        traits = {
            "rain": self.has_rain,
            "trees": self.has_trees,
            "shake": self.has_shake,
            "switch": self.has_switch,
            f"{self.person_px}px": self.person_px > 0,
        }
        told = [trait for trait, has in traits.items() if has]
        return "-".join([f"{self.seed:03}", "night" if self.is_night else "day", *told, self.rate])


def places(events: int) -> Iterator[Place]:
    """Places with at least so many events in all: every light and weather with every size, rate and GOP."""
    for index in range(math.ceil(events / EVENTS_PER_FILM)):
        is_large = index % 6 == 5
        yield Place(
            seed=index,
            is_night=index % 2 == 1,
            has_rain=index % 4 >= 2,
            has_trees=index % 3 == 0,
            has_shake=index % 5 == 0,
            has_switch=index % 8 == 4,
            rate="cbr" if index // 2 % 2 else "vbr",
            gop_seconds=1.0 if index % 3 == 2 else 2.0,
            frames_per_second=12,
            width_px=1920 if is_large else 1280,
            height_px=1080 if is_large else 720,
            person_px=70 if is_large or index % 6 == 2 else 0,
        )


@dataclass(frozen=True, slots=True)
class Event:
    """Someone is in the picture, at least by half, from `start` to `end`, in seconds of the film."""

    start: float
    end: float
    label: str


class Film:
    """Draws a place at any time of its film, in order or not."""

    def __init__(self, place: Place) -> None:
        self.place = place
        chance = np.random.default_rng(place.seed)
        height, width = place.height_px, place.width_px
        self._day = _backdrop(chance, height + 2 * MARGIN_PX, width + 2 * MARGIN_PX)
        self._night = _by_night(chance, self._day)
        self._noises = {night: _noise(chance, height, width, 5.0 if night else 2.0) for night in (False, True)}
        self._rain = _rain(chance, height, width) if place.has_rain else None
        self._trees = [_Tree(chance, height, width) for _ in range(2)] if place.has_trees else []
        self.walks = list(_walks(chance, place, [tree.right_px for tree in self._trees]))
        self.seconds = self.walks[-1].end + PAUSE_SECONDS[0]
        self._clouds = chance.uniform(0, 2 * math.pi, 3)
        self._steps = [walk.end + 2.5 for walk in self.walks[2::4]]
        self._shakes = [walk.end + 2.0 for walk in self.walks[1::3]] if place.has_shake else []
        self._switch_seconds = self.walks[len(self.walks) // 2].end + 2.0 if place.has_switch else math.inf
        self._clocks: dict[int, Image.Image] = {}

    @property
    def events(self) -> list[Event]:
        """The truth."""
        return [Event(round(walk.start, 2), round(walk.end, 2), walk.label) for walk in self.walks]

    def is_night(self, at_seconds: float) -> bool:
        return self.place.is_night or at_seconds >= self._switch_seconds

    def draw(self, at_seconds: float) -> Luma:
        """The picture at a time."""
        chance = np.random.default_rng((self.place.seed, round(at_seconds * 1000)))
        height, width = self.place.height_px, self.place.width_px
        night = self.is_night(at_seconds)
        down, right = self._shaken(at_seconds)
        still = self._night if night else self._day
        picture = still[down : down + height, right : right + width].copy()
        for tree in self._trees:
            tree.paste_into(picture, at_seconds, 0.5 if night else 1.0)
        for walk in self.walks:
            paste_walk(picture, walk, at_seconds, night=night)
        gain = self._gain(at_seconds)
        if abs(gain - 1) > 0.004:
            picture = np.clip(np.arange(256) * gain, DARKEST, BRIGHTEST).astype(np.uint8)[picture]
        _add(picture, self._noises[night], chance)
        if self._rain is not None:
            _add(picture, self._rain, chance)
        self._stamp(picture, at_seconds)
        return picture

    def _gain(self, at_seconds: float) -> float:
        """Slow clouds, and steps where the sun comes out or goes in within half a second."""
        slow = 0.08 * math.sin(at_seconds / 23 + self._clouds[0]) + 0.05 * math.sin(at_seconds / 9 + self._clouds[1])
        steps = sum(
            (-1) ** index * 0.18 * min(1.0, max(0.0, (at_seconds - step) / 0.5))
            for index, step in enumerate(self._steps)
        )
        return float(1.0 + slow * (0.4 if self.place.is_night else 1.0) + steps)

    def _shaken(self, at_seconds: float) -> tuple[int, int]:
        """Where the picture begins in the backdrop."""
        if not any(first <= at_seconds <= first + 1.5 for first in self._shakes):
            return MARGIN_PX, MARGIN_PX
        return (
            MARGIN_PX + round(3 * math.sin(at_seconds * 41)),
            MARGIN_PX + round(5 * math.sin(at_seconds * 29 + 1)),
        )

    def _stamp(self, picture: Luma, at_seconds: float) -> None:
        """The camera's clock, into the top left corner."""
        second = int(at_seconds)
        if second not in self._clocks:
            self._clocks = {second: _clock(second, self.place.height_px // 30)}
        text = np.asarray(self._clocks[second])
        part = picture[12 : 12 + text.shape[0], 16 : 16 + text.shape[1]]
        part[text > 100] = 235


class _Tree:
    """Boughs of leaves that the wind moves, each at its own pace."""

    def __init__(self, chance: np.random.Generator, height_px: int, width_px: int) -> None:
        unit = height_px / 720
        self.right_px = round(float(chance.uniform(0.12, 0.3)) * width_px)
        boughs = 9
        self._spots = [
            (round(chance.uniform(0.02, 0.5) * height_px), round(self.right_px * chance.uniform(-0.1, 0.75)))
            for _ in range(boughs)
        ]
        sides = [round(unit * chance.uniform(60, 110)) for _ in range(boughs)]
        self._leaves = [_blobs(chance, side, side, 5 * unit, 55, 150) for side in sides]
        self._shapes = [_disc(side) & (_blobs(chance, side, side, 7 * unit, 0, 255) > 90) for side in sides]
        self._phases = chance.uniform(0, 2 * math.pi, (boughs, 3))
        self._sway_px = float(chance.uniform(3, 8)) * unit

    def paste_into(self, picture: Luma, at_seconds: float, gain: float) -> None:
        gust = 0.6 + 0.4 * math.sin(at_seconds / 7 + self._phases[0, 2])
        for (top, left), leaves, shape, (a, b, _c) in zip(
            self._spots, self._leaves, self._shapes, self._phases, strict=True
        ):
            x = left + round(
                gust * self._sway_px * (math.sin(at_seconds * 2.3 + a) + 0.5 * math.sin(at_seconds * 5 + b))
            )
            y = top + round(0.4 * gust * self._sway_px * math.sin(at_seconds * 3.1 + b))
            shade = leaves if gain == 1 else np.maximum(leaves * np.float32(gain), DARKEST).astype(np.uint8)
            paste(picture, shade, shape, x, y)


def _walks(chance: np.random.Generator, place: Place, trees_px: list[int]) -> Iterator[Walk]:
    """Passages one after another, the shortest two seconds long, each somewhere else."""
    at_seconds = place.first_event_seconds
    unit = place.height_px / 720
    free_px = max(trees_px, default=0) if chance.random() < 0.5 else 0
    for index in range(place.events):
        label: Literal["person", "car"] = "person" if place.person_px or index % 3 else "car"
        tall = place.person_px or round(unit * chance.uniform(60, 170) * (0.6 if label == "car" else 1.0))
        seconds = float(chance.uniform(2.0, 7.0))
        speed_px = tall * (chance.uniform(0.55, 1.1) if label == "person" else chance.uniform(2.0, 4.0))
        way_px = round(min(speed_px * seconds, 0.9 * (place.width_px - free_px)))
        left_px = free_px + round(float(chance.uniform(0, 1)) * (place.width_px - free_px - way_px))
        foot_px = round(float(chance.uniform(0.62, 0.97)) * place.height_px)
        contrast = round(chance.uniform(14, 32) if place.is_night else chance.uniform(25, 60))
        yield Walk(
            at_seconds,
            at_seconds + seconds,
            label,
            left_px,
            left_px + way_px,
            foot_px,
            tall,
            bool(chance.integers(2)),
            contrast if chance.random() < 0.5 else -contrast,
        )
        at_seconds += seconds + float(chance.uniform(*PAUSE_SECONDS))


def _backdrop(chance: np.random.Generator, height: int, width: int) -> Luma:
    """House fronts with windows above, a pavement and a road below, all with some texture."""
    unit = height / 720
    picture = _blobs(chance, height, width, 40 * unit, 90, 150).astype(np.float32)
    x = 0
    while x < width:
        wide = round(unit * chance.uniform(120, 320))
        roof = round(height * chance.uniform(0.05, 0.25))
        picture[roof : round(0.6 * height), x : x + wide] = chance.uniform(70, 190)
        for row in range(roof + round(25 * unit), round(0.55 * height), round(70 * unit)):
            for column in range(x + round(20 * unit), x + wide - round(35 * unit), round(60 * unit)):
                picture[row : row + round(35 * unit), column : column + round(24 * unit)] = chance.uniform(50, 200)
        x += wide
    picture[round(0.6 * height) : round(0.68 * height)] = 150
    picture[round(0.68 * height) :] = 95
    for column in range(0, width, round(160 * unit)):
        picture[round(0.82 * height) : round(0.835 * height), column : column + round(70 * unit)] = 190
    picture += _blobs(chance, height, width, 3 * unit, 0, 30).astype(np.float32) - 15
    return np.clip(picture, 45, 210).astype(np.uint8)


def _by_night(chance: np.random.Generator, day: Luma) -> Luma:
    """Infrared: darker, other materials bright, a lit middle."""
    height, width = day.shape
    light = _blobs(chance, height, width, 160 * height / 720, 0, 255).astype(np.float32) / 255
    rows = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, width, dtype=np.float32)[None]
    lamp = np.exp(-(rows**2 + columns**2) * 1.2)
    material = day.astype(np.float32) * (0.45 + 0.5 * light)
    night: Luma = np.clip(DARKEST + material * 0.75 * lamp, DARKEST, 190).astype(np.uint8)
    return night


def _blobs(chance: np.random.Generator, height: int, width: int, size_px: float, low: int, high: int) -> Luma:
    """Smooth random patches about `size_px` across."""
    coarse = chance.integers(low, high + 1, (max(2, round(height / size_px)), max(2, round(width / size_px))), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BILINEAR))


def _disc(side_px: int) -> npt.NDArray[np.bool_]:
    steps = np.linspace(-1, 1, side_px)
    inside: npt.NDArray[np.bool_] = steps[:, None] ** 2 + steps[None] ** 2 < 1
    return inside


def _noise(chance: np.random.Generator, height: int, width: int, sigma: float) -> Noise:
    noise = chance.standard_normal((height + 64, width + 64), np.float32) * np.float32(sigma)
    grain: Noise = np.clip(noise, -20, 20).astype(np.int8)
    return grain


def _rain(chance: np.random.Generator, height: int, width: int) -> Noise:
    """Bright streaks, a little slanted."""
    sheet = Image.new("L", (width + 64, height + 64), 0)
    draw = ImageDraw.Draw(sheet)
    for _ in range(round(width * height / 2600)):
        x, y, long = chance.uniform(0, width), chance.uniform(0, height), chance.uniform(10, 34) * height / 720
        draw.line((x, y, x + 0.12 * long, y + long), fill=int(chance.integers(6, 16)))
    return np.asarray(sheet).astype(np.int8)


def _add(picture: Luma, noise: Noise, chance: np.random.Generator) -> None:
    """Add a piece of `noise` that begins anywhere; bytes wrap around just as the sum needs it."""
    down, right = chance.integers(0, 64, 2)
    height, width = picture.shape
    np.add(picture, noise[down : down + height, right : right + width].view(np.uint8), out=picture)


def _clock(second: int, tall_px: int) -> Image.Image:
    text = f"2026-03-01 {12 + second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
    font = ImageFont.load_default(tall_px)
    sheet = Image.new("L", (round(font.getlength(text)) + 4, round(tall_px * 1.3)), 0)
    ImageDraw.Draw(sheet).text((2, 0), text, fill=255, font=font)
    return sheet


def film_place(place: Place, path: Path) -> list[Event]:
    """Encode the place's film as cameras do; returns its truth."""
    film = Film(place)
    rate, gop = place.frames_per_second, max(1, round(place.gop_seconds * place.frames_per_second))
    kbps = round(4000 * place.width_px * place.height_px * rate / (1920 * 1080 * 25)) + 400
    options = {"preset": "superfast", "tune": "zerolatency", "g": str(gop), "sc_threshold": "0", "threads": "1"}
    limits = f"keyint={gop}:min-keyint={gop}:ref=1"
    if place.rate == "cbr":
        limits += f":nal-hrd=cbr:bitrate={kbps}:vbv-maxrate={kbps}:vbv-bufsize={kbps}"
    else:
        options["crf"] = "27"
        limits += f":vbv-maxrate={kbps * 3 // 2}:vbv-bufsize={kbps * 3 // 2}"
    colour = np.full((place.height_px // 2, place.width_px), 128, np.uint8)
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate, options={**options, "x264-params": limits})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = place.width_px, place.height_px, "yuv420p"
        for number in range(round(film.seconds * rate)):
            planes = np.concatenate((film.draw(number / rate), colour))
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            frame.pict_type = PictureType.I if number % gop == 0 else PictureType.NONE
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return film.events
