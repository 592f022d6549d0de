"""Scenes made into films: H.264 as a camera sends it, and the truth beside it."""

import json
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vigie_agent.synthetic.scenes import SceneName, make_scene
from vigie_agent.synthetic.stage import Scene

FRAMES_PER_SECOND = Fraction(25, 2)
BITRATE_KBPS = 1500
_NOISE_PLANES = 5


@dataclass(frozen=True)
class VehicleTruth:
    """One stay of a plate in the film: whole in the picture from `enter_seconds` to `leave_seconds`."""

    plate: str
    kind: str
    enter_seconds: float
    leave_seconds: float
    widest_px: int


@dataclass(frozen=True)
class FilmTruth:
    """What a reader of the film should find."""

    scene: str
    seed: int
    seconds: float
    width_px: int
    height_px: int
    vehicles: tuple[VehicleTruth, ...]


def render_film(path: Path, scene: SceneName, seed: int, bitrate_kbps: int = BITRATE_KBPS) -> FilmTruth:
    """Write the film of `scene` to `path` and its truth to the same name ending in `.truth.json`."""
    return render_scene(path, make_scene(scene, seed), seed, bitrate_kbps)


def render_scene(path: Path, scene: Scene, seed: int, bitrate_kbps: int = BITRATE_KBPS) -> FilmTruth:
    """Like `render_film`, for any scene."""
    truth = film_truth(scene, seed)
    sensor = _Sensor(scene, seed)
    frames = round(scene.seconds * FRAMES_PER_SECOND)
    with av.open(str(path), "w") as container:
        stream = _encoder(container, scene, bitrate_kbps)
        for number in range(frames):
            at_seconds = float(number / FRAMES_PER_SECOND)
            frame = av.VideoFrame.from_ndarray(sensor.expose(scene.draw(at_seconds), at_seconds), format="yuv420p")
            frame.pts, frame.time_base = number, 1 / FRAMES_PER_SECOND
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    path.with_suffix(".truth.json").write_text(
        json.dumps(asdict(truth), ensure_ascii=False, indent=1), encoding="utf-8"
    )
    return truth


def film_truth(scene: Scene, seed: int) -> FilmTruth:
    """When each plate is whole in the picture, frame by frame; no picture is drawn."""
    stays: dict[str, list[tuple[float, float]]] = {}
    kinds: dict[str, str] = {}
    for number in range(round(scene.seconds * FRAMES_PER_SECOND)):
        at_seconds = float(number / FRAMES_PER_SECOND)
        for view in scene.plates(at_seconds):
            width = float(np.linalg.norm(view.corners[1] - view.corners[0]))
            stays.setdefault(view.plate.text, []).append((at_seconds, width))
            kinds[view.plate.text] = view.plate.kind
    vehicles = tuple(
        VehicleTruth(text, kinds[text], stay[0][0], stay[-1][0], round(max(width for _, width in stay)))
        for text, stay in stays.items()
    )
    return FilmTruth(scene.name, seed, scene.seconds, scene.camera.width_px, scene.camera.height_px, vehicles)


class _Sensor:
    """Turns drawn frames into planes with sensor noise and slowly changing light."""

    def __init__(self, scene: Scene, seed: int) -> None:
        self._rng = np.random.default_rng((seed, 77))
        self._drift, self._seconds = scene.light_drift, scene.seconds
        shape = (scene.camera.height_px, scene.camera.width_px)
        self._noise = [np.rint(self._rng.normal(0, scene.noise, shape)).astype(np.int16) for _ in range(_NOISE_PLANES)]

    def expose(self, picture: Image.Image, at_seconds: float) -> NDArray[np.uint8]:
        """The frame as planar YUV 4:2:0, luma first."""
        rgb = av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")
        planes: NDArray[np.uint8] = rgb.reformat(format="yuv420p").to_ndarray().astype(np.uint8, copy=False)
        luma = planes[: picture.height]
        noise = self._noise[self._rng.integers(_NOISE_PLANES)]
        light = round(self._drift * np.sin(2 * np.pi * at_seconds / self._seconds))
        rolled = np.roll(noise, int(self._rng.integers(picture.height)), axis=0)
        luma[:] = (rolled + light + luma).clip(16, 235).astype(np.uint8)
        return planes


def _encoder(container: av.container.OutputContainer, scene: Scene, bitrate_kbps: int) -> av.VideoStream:
    stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND)
    stream.width, stream.height = scene.camera.width_px, scene.camera.height_px
    stream.pix_fmt = "yuv420p"
    stream.bit_rate = bitrate_kbps * 1000
    gop = str(round(FRAMES_PER_SECOND))
    stream.options = {"preset": "superfast", "tune": "zerolatency", "bf": "0", "g": gop, "sc_threshold": "0"}
    stream.codec_context.thread_count = 1
    return stream
