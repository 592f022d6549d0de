"""What is on pictures and films: every plate that is found, and what it says."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from vigie_agent.plates.decoding import Reading
from vigie_agent.plates.detector import Detection, Detector
from vigie_agent.plates.pipeline import PlateReader, PlateSettings
from vigie_agent.plates.reader import Reader
from vigie_agent.plates.rectify import Corners, Luma
from vigie_agent.plates.runtime import Weights
from vigie_agent.plates.vote import VotedRead
from vigie_shared.errors import CommandError
from vigie_shared.i18n import gettext as _
from vigie_shared.plates import ALL_KINDS, MOROCCAN, PlateKind, parse


@dataclass(frozen=True)
class Sighting:
    """A plate on a picture. `reading` is None where it could not be read; a crop has no score: nothing was sought."""

    corners: Corners
    score: float | None
    reading: Reading | None

    @property
    def width_px(self) -> float:
        """The plate's width, along its upper edge."""
        return float(np.linalg.norm(self.corners[1] - self.corners[0]))

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        found = {"corners": [[round(float(x), 1), round(float(y), 1)] for x, y in self.corners]}
        return _told(self.reading) | found | {"width_px": round(self.width_px), "score": _rounded(self.score)}


class Eye:
    """Looks at files, with the models of this machine."""

    def __init__(self, kinds: Sequence[PlateKind] = MOROCCAN, weights: Weights = "auto") -> None:
        self._kinds, self._weights = tuple(kinds), weights
        self._detector = Detector(weights=weights)
        self._reader = Reader(kinds=kinds, weights=weights)

    @property
    def models(self) -> tuple[str, ...]:
        """The files that it finds and reads with."""
        return tuple(network.told for network in (*self._detector.networks, self._reader.network))

    def look(self, luma: Luma, *, crop: bool = False) -> list[Sighting]:
        """The plates on a grey picture, surest first; with `crop` the whole picture is one plate."""
        if crop:
            height, width = luma.shape
            whole = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
            return [Sighting(whole, None, self._reader.read(luma, whole))]
        return [self._sighting(luma, found) for found in self._detector.detect(luma)]

    def watch(self, film: Path) -> list[VotedRead]:
        """The plates that pass in a film, one read for each stay."""
        reader = PlateReader(PlateSettings(kinds=self._kinds, weights=self._weights))
        told = [read for at_seconds, frame in frames_of(film) for read in reader.observe(at_seconds, _luma(frame))]
        return told + reader.flush()

    def _sighting(self, luma: Luma, found: Detection) -> Sighting:
        return Sighting(found.corners, found.score, self._reader.read_found(luma, found))


def picture_in(path: Path) -> Image.Image | None:
    """The picture in a file, upright; None where the file may be a film."""
    try:
        with Image.open(path) as opened:
            return ImageOps.exif_transpose(opened).convert("RGB")
    except UnidentifiedImageError:
        return None
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CommandError(_("cannot read {path}: {reason}").format(path=path, reason=reason)) from error


def grey(picture: Image.Image) -> Luma:
    """Its grey levels."""
    return np.asarray(picture.convert("L"))


def frames_of(film: Path) -> Iterator[tuple[float, av.VideoFrame]]:
    """Seconds from the start, and frame. Raises CommandError where there is no video."""
    try:
        with av.open(str(film)) as container:
            if not container.streams.video:
                raise CommandError(_("{path} is neither a picture nor a video").format(path=film))
            first: float | None = None
            for frame in container.decode(video=0):
                at_seconds = float(frame.time or 0.0)
                first = at_seconds if first is None else first
                yield at_seconds - first, frame
    except (av.FFmpegError, OSError) as error:
        raise CommandError(_("{path} is neither a picture nor a video, or it is damaged").format(path=film)) from error


def told_in_film(read: VotedRead) -> dict[str, Any]:
    """For scripts; the box in shares of the frame."""
    plate = parse(read.text, ALL_KINDS)
    return {
        "text": read.text,
        "display": plate.display() if plate else read.text,
        "kind": read.kind,
        "confidence": round(read.confidence, 4),
        "uncertain": read.uncertain,
        "char_confidences": [round(chance, 4) for chance in read.char_confidences],
        "alternatives": _alternatives(read.alternatives),
        "first_seen_seconds": round(read.first_seen_at, 2),
        "last_seen_seconds": round(read.last_seen_at, 2),
        "frames": read.frame_count,
        "direction": read.direction,
        "box": [round(edge, 4) for edge in read.box],
    }


def _told(reading: Reading | None) -> dict[str, Any]:
    if reading is None:
        return {"text": None, "display": None, "kind": None, "confidence": 0.0, "alternatives": []}
    return {
        "text": reading.text,
        "display": reading.plate.display(),
        "kind": reading.plate.kind,
        "confidence": round(reading.confidence, 4),
        "char_confidences": [round(chance, 4) for chance in reading.char_confidences],
        "alternatives": _alternatives(reading.alternatives),
    }


def _alternatives(pairs: Sequence[tuple[str, float]]) -> list[dict[str, Any]]:
    return [{"text": text, "confidence": round(chance, 4)} for text, chance in pairs]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _luma(frame: av.VideoFrame) -> Luma:
    return frame.to_ndarray(format="gray8").astype(np.uint8, copy=False)
