"""How a cheap camera in bad light sees a plate: bent, shaded, blurred, noisy and compressed."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from training.street.furniture import lettered_strip
from training.street.pose import Pose
from training.street.textures import field as texture
from training.street.typefaces import Typefaces
from vigie_agent.plates.rectify import Corners, Points

Luma = NDArray[np.uint8]
Floats = NDArray[np.float32]
Rng = np.random.Generator

WIDTH_LEAST_PX, WIDTH_MOST_PX = 48.0, 250.0
ROOM = 0.22
_NEAR, _NEAR_LEAST_PX = 0.35, 110.0
_CLEAR, _CLEAR_LEFT = 0.35, 0.4
"""How often a plate is seen from near, and how often the lens is good and nothing moves: so much of blur and noise is
then left. Pictures worse than most teach what is hard, and forget what is there to see in a good one."""
_TURN_MOST = 0.44
_BENT, _BEND_MOST = 0.5, 0.6
"""How often a plate follows the bumper, and how far its middle is then moved, in plate heights."""
_NAMED = 0.2
_SHADED, _PALE, _COVERED, _TWICE = 0.14, 0.06, 0.05, 0.08
"""How often something throws its shadow on a part, air or glare takes the contrast, a lip or a lamp hides an edge,
and how often the camera moved while it took the frame so that strokes are seen twice."""
_RIM = np.array([[x, 0] for x in np.linspace(0, 1, 9)] + [[x, 1] for x in np.linspace(1, 0, 9)])
"""Places around a plate, dense enough to follow a bend."""


@dataclass(frozen=True)
class Shot:
    """A picture, and where the plate lies in it."""

    luma: Luma
    pose: Pose

    @property
    def corners(self) -> Corners:
        """The plate's four corners in the picture."""
        return self.pose.corners

    @property
    def points(self) -> Points:
        """The corners, and where the bend takes the middles of the long edges."""
        return self.pose.points


def photograph(flat: Luma, rng: Rng, room: float = ROOM, *, typefaces: Typefaces | None = None) -> Shot:
    """The flat plate on a vehicle, seen from somewhere, with so much around it in shares of its extent.

    Names stand beside it where there are typefaces for them.
    """
    pose = random_pose(flat.shape[1] / flat.shape[0], rng, room)
    picture = _on_vehicle(flat, pose, rng, typefaces)
    width = float(np.linalg.norm(pose.corners[1] - pose.corners[0]))
    return Shot(expose(picture, width, rng), pose)


def expose(picture: Floats, width: float, rng: Rng) -> Luma:
    """Light, lens, sensor and encoder; blur grows with the plate's `width` in pixels."""
    trouble = _CLEAR_LEFT if rng.random() < _CLEAR else 1.0
    picture = _light(picture, rng)
    picture = _blur(picture, width * trouble, rng)
    noise = trouble * float(rng.uniform(0.3, 2.6) ** 2)
    picture = picture + rng.standard_normal(picture.shape, dtype=np.float32) * noise
    luma = picture.clip(0, 255).astype(np.uint8)
    return compress(luma, rng) if rng.random() < 0.8 * trouble else luma


def random_pose(ratio: float, rng: Rng, room: float = ROOM) -> Pose:
    """Where a plate of that width to height may lie, its surroundings left around it."""
    one_line = ratio > 2.2
    least = _NEAR_LEAST_PX if rng.random() < _NEAR else WIDTH_LEAST_PX
    width = float(np.exp(rng.uniform(np.log(least), np.log(WIDTH_MOST_PX)))) * (1.0 if one_line else 0.7)
    height = width / ratio * float(np.clip(rng.normal(1.02, 0.14), 0.7, 1.5))
    taper = 1 + np.array([1, -1]) * float(np.clip(rng.normal(0, 0.06), -0.16, 0.16))
    left, right = height / 2 * taper
    box = np.array([[-width / 2, -left], [width / 2, -right], [width / 2, right], [-width / 2, left]])
    turn = float(np.clip(rng.normal(0, 0.13), -_TURN_MOST, _TURN_MOST))
    lean = float(np.clip(rng.normal(0, 0.17), -0.5, 0.5))
    matrix = np.array([[np.cos(turn), np.sin(turn)], [lean - np.sin(turn), np.cos(turn)]])
    corners = box @ matrix + rng.normal(0, 0.03, (4, 2)) * height
    bend = float(np.clip(rng.normal(0, 0.2), -_BEND_MOST, _BEND_MOST)) * height
    bent = one_line and rng.random() < _BENT
    return _with_room(Pose(corners.astype(np.float32), bend if bent else 0.0), room)


def _with_room(pose: Pose, room: float) -> Pose:
    """The same, moved to where its surroundings fit into a picture that begins at 0, 0."""
    reach = np.concatenate([pose.corners, pose.points])
    moved = pose.corners - reach.min(axis=0) + 6 + room * np.ptp(reach, axis=0)
    return Pose(moved.astype(np.float32), pose.bend_px)


def _on_vehicle(flat: Luma, pose: Pose, rng: Rng, typefaces: Typefaces | None) -> Floats:
    """The plate's tones laid over bodywork, with a holder around it or a lip above it at times."""
    corners = pose.corners
    span = pose.points.max(axis=0) + pose.points.min(axis=0)
    size = (int(np.ceil(span[0])), int(np.ceil(span[1])))
    shrink = max(1, int(flat.shape[1] / (1.4 * np.linalg.norm(corners[1] - corners[0]))))
    plate = Image.fromarray(flat)
    plate = plate.reduce(shrink) if shrink > 1 else plate
    body = _bodywork(size, pose, rng)
    if typefaces and rng.random() < _NAMED:
        _name_beside(body, pose, flat.shape[1] / flat.shape[0], rng, typefaces)
    pose.lay(plate, body)
    if rng.random() < _COVERED:
        _cover(body, pose, rng)
    return np.asarray(body, dtype=np.float32)


def _cover(body: Image.Image, pose: Pose, rng: Rng) -> None:
    """A lip of the bumper, a lamp or a strap hides the upper or the lower edge of some characters."""
    left, wide, high = float(rng.uniform(-0.1, 0.9)), float(rng.uniform(0.05, 0.5)), float(rng.uniform(0.08, 0.3))
    top = -0.15 if rng.random() < 0.6 else 1.0 - high
    strip = Image.new("L", (32, 8), int(rng.choice([10, 30, 70, 150, 220])))
    pose.lay(strip, body, (left, top, left + wide, (high if top < 0 else 1.15)))


def _name_beside(body: Image.Image, pose: Pose, ratio: float, rng: Rng, typefaces: Typefaces) -> None:
    """A dealer on the holder below the plate, or a word above it."""
    high, left, right = float(rng.uniform(0.1, 0.22)), float(rng.uniform(-0.03, 0.1)), float(rng.uniform(0.9, 1.03))
    top = 1 + float(rng.uniform(0.0, 0.06))
    if rng.random() < 0.3:
        high = float(rng.uniform(0.15, 0.7))
        top = -high - float(rng.uniform(0.05, 0.4))
    strip = lettered_strip(rng, typefaces, ratio * (right - left) / high)
    pose.lay(Image.fromarray(strip), body, (left, top, right, top + high))


def _bodywork(size: tuple[int, int], pose: Pose, rng: Rng) -> Image.Image:
    width, height = size
    tone, swing = float(rng.uniform(5, 235)), float(rng.uniform(0, 60))
    uneven = tone + swing * (texture(rng, max(1, height // 4), max(1, width // 4)) - 0.5)
    body = Image.fromarray(uneven.clip(0, 255).astype(np.uint8)).resize(size, Image.Resampling.BILINEAR)
    pen = ImageDraw.Draw(body)
    for _ in range(int(rng.integers(0, 7))):
        x, y = int(rng.integers(-width // 3, width)), int(rng.integers(-height // 3, height))
        box = (x, y, x + int(rng.integers(2, width)), y + int(rng.integers(2, max(3, height // 2))))
        pen.rounded_rectangle(box, int(rng.integers(0, 5)), fill=int(rng.integers(0, 255)))
    if rng.random() < 0.45:
        along, down = rng.uniform([0.005, 0.02], [0.04, 0.18])
        rim = pose.placed(np.array([-along, -down]) + _RIM * np.array([1 + 2 * along, 1 + 2 * down]))
        pen.polygon([(float(x), float(y)) for x, y in rim], fill=int(rng.choice([8, 20, 40, 90, 200, 250])))
    return body


def _light(picture: Floats, rng: Rng) -> Floats:
    """Exposure from night to glare, a slope, and hard or soft shadows."""
    height, width = picture.shape
    x, y = np.linspace(-1, 1, width, dtype=np.float32)[None, :], np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    light = np.float32(rng.uniform(0.3, 1.25)) + x * np.float32(rng.normal(0, 0.1)) + y * np.float32(rng.normal(0, 0.1))
    if rng.random() < 0.3:
        angle, edge = rng.uniform(0, 2 * np.pi), rng.uniform(-0.6, 0.6)
        distance = x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle)) - np.float32(edge)
        shade = 1 / (1 + np.exp((-distance * np.float32(rng.uniform(3, 40))).clip(-30, 30)))
        light = light * (1 - np.float32(rng.uniform(0.2, 0.75)) * shade)
    if rng.random() < _SHADED:
        light = light * _shadow((width, height), rng)
    picture = picture * light + np.float32(rng.uniform(-10, 45))
    if rng.random() < _PALE:
        picture = rng.uniform(20, 235) + (picture - picture.mean()) * np.float32(rng.uniform(0.1, 0.45))
    if rng.random() < 0.12:
        middle_x, middle_y, reach = rng.uniform(-1, 1), rng.uniform(-1, 1), rng.uniform(0.1, 0.9)
        spot = np.exp(-((x - middle_x) ** 2 + (y - middle_y) ** 2 * 0.3) / np.float32(reach**2))
        picture = (picture + rng.uniform(40, 160) * spot).astype(np.float32)
    if rng.random() < 0.12:
        picture = picture * np.float32(rng.uniform(1.1, 1.8))
    picture = picture.clip(0, 255)
    if rng.random() < 0.15:  # night, infrared, a cheap sensor's curve
        picture = _CURVES[int(rng.integers(len(_CURVES)))][picture.astype(np.uint8)]
    return picture.astype(np.float32)


def _shadow(size: tuple[int, int], rng: Rng) -> Floats:
    """Of something narrow, with four corners: it lies across a character or two, darker or brighter than the rest."""
    middle, along = rng.uniform(0.1, 0.9, 2) * size, float(rng.uniform(0, 2 * np.pi))
    half = np.array([rng.uniform(0.03, 0.2), rng.uniform(0.2, 1.2)]) * size
    turn = np.array([[np.cos(along), np.sin(along)], [-np.sin(along), np.cos(along)]])
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) + rng.normal(0, 0.2, (4, 2))
    corners = middle + (square * half) @ turn
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).polygon([(float(x), float(y)) for x, y in corners], fill=255)
    soft = mask.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 3.0))))
    change = float(rng.uniform(-0.8, -0.3) if rng.random() < 0.75 else rng.uniform(0.3, 0.9))
    return (1 + np.asarray(soft, dtype=np.float32) * np.float32(change / 255)).astype(np.float32)


def _blur(picture: Floats, width: float, rng: Rng) -> Floats:
    """Defocus, motion, a frame seen twice; strokes stay apart, or nobody could read them."""
    most = float(np.clip(width / 92, 0.8, 2.4))
    if rng.random() < 0.7:
        soft = ImageFilter.GaussianBlur(0.15 + (most - 0.15) * float(rng.random() ** 1.2))
        picture = np.asarray(Image.fromarray(picture.astype(np.uint8)).filter(soft), dtype=np.float32)
    if rng.random() < 0.2:
        length, angle = float(rng.uniform(1.0, max(1.5, width / 50))), float(rng.uniform(0, np.pi))
        picture = _moved(picture, length * np.cos(angle), length * np.sin(angle))
    if rng.random() < _TWICE:
        shift = rng.normal(0, 1, 2) * (width / 110, width / 90)
        left = np.float32(rng.uniform(0.35, 0.65))
        picture = picture * left + np.roll(picture, tuple(shift.round().astype(int)), (0, 1)) * (1 - left)
    if rng.random() < 0.3:
        sharp = Image.fromarray(picture.clip(0, 255).astype(np.uint8))
        mask = ImageFilter.UnsharpMask(float(rng.uniform(0.6, 2.0)), int(rng.integers(40, 200)), 0)
        picture = np.asarray(sharp.filter(mask), dtype=np.float32)
    return picture


_CURVES = [
    (255 * (np.arange(256, dtype=np.float32) / 255) ** power).astype(np.float32) for power in (0.5, 0.7, 1.4, 2.0)
]
"""Tones to tones."""


def _moved(picture: Floats, across: float, down: float) -> Floats:
    steps = max(2, int(np.ceil(max(abs(across), abs(down)))) + 1)
    shifts = [(round(down * part), round(across * part)) for part in np.linspace(-0.5, 0.5, steps)]
    mean: Floats = np.mean([np.roll(picture, shift, (0, 1)) for shift in shifts], axis=0, dtype=np.float32)
    return mean


def compress(luma: Luma, rng: Rng) -> Luma:
    """Block transform at a low rate: within one frame JPEG and H.264 lose the same things."""
    file = io.BytesIO()
    Image.fromarray(luma).save(file, "JPEG", quality=int(rng.integers(22, 92)))
    return np.asarray(Image.open(file))
