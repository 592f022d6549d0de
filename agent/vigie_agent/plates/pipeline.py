"""Frames in, voted reads out: detect, straighten, read, vote, within a budget of work a second."""

import math
from dataclasses import dataclass, field, replace
from pathlib import Path

from vigie_agent.plates.crop import crop_jpeg
from vigie_agent.plates.detector import Detection, Detector
from vigie_agent.plates.reader import Reader
from vigie_agent.plates.rectify import Luma
from vigie_agent.plates.runtime import MODELS
from vigie_agent.plates.vote import PlateRead, PlateVoter, VotedRead, VoteSettings
from vigie_agent.reading import Region
from vigie_shared.plates import MOROCCAN, PlateKind

_EDGE = 0.04


@dataclass(frozen=True)
class PlateSettings:
    """What reading may cost, which plates are worth it, and which may pass."""

    frames_per_second: float = 5.0
    reads_per_second: float = 12.0
    plate_width_min_px: float = 44.0
    detection_threshold: float = 0.5
    kinds: tuple[PlateKind, ...] = MOROCCAN
    vote: VoteSettings = field(default_factory=VoteSettings)


class PlateReader:
    """Reads the plates of one camera. Not thread-safe: one camera, one reader, one thread at a time."""

    def __init__(self, settings: PlateSettings | None = None, folder: Path = MODELS) -> None:
        self._settings = settings or PlateSettings()
        self._detector = Detector(folder, self._settings.detection_threshold)
        self._reader = Reader(folder, self._settings.kinds)
        self._voter = PlateVoter(self._settings.vote)
        self._looked_at: float | None = None
        self._frame_shape = (1, 1)
        self._allowance = self._settings.reads_per_second

    def observe(self, at_seconds: float, luma: Luma, region: Region | None = None) -> list[VotedRead]:
        """Take a frame's Y plane; returns the stays that can be told now, their boxes as shares of the frame.

        Only `region` is looked at, where it is given. Frames beyond the budget cost nothing.
        """
        if not self._is_due(at_seconds):
            return []
        self._frame_shape = luma.shape[0], luma.shape[1]
        left, top, right, bottom = _in_pixels(region or (0.0, 0.0, 1.0, 1.0), luma)
        found = self._detector.detect(luma[top:bottom, left:right])
        moved = [detection.moved(1, (left, top)) for detection in found]
        return self._as_shares(self._voter.feed(at_seconds, self._read_all(at_seconds, luma, moved)))

    def flush(self) -> list[VotedRead]:
        """End every stay; the next frame begins anew."""
        self._looked_at = None
        return self._as_shares(self._voter.flush())

    def _is_due(self, at_seconds: float) -> bool:
        if self._looked_at is None or at_seconds < self._looked_at:
            self._looked_at = at_seconds
            return True
        since = at_seconds - self._looked_at
        if since < 0.9 / self._settings.frames_per_second:
            return False
        rate = self._settings.reads_per_second
        self._allowance = min(rate, self._allowance + since * rate)
        self._looked_at = at_seconds
        return True

    def _as_shares(self, reads: list[VotedRead]) -> list[VotedRead]:
        height, width = self._frame_shape
        boxes = ((one.box[0] / width, one.box[1] / height, one.box[2] / width, one.box[3] / height) for one in reads)
        return [replace(one, box=box) for one, box in zip(reads, boxes, strict=True)]

    def _read_all(self, at_seconds: float, luma: Luma, found: list[Detection]) -> list[PlateRead]:
        """Wide plates first; what the allowance does not cover is followed, not read."""
        reads = []
        for detection in sorted(found, key=lambda one: -one.width_px):
            reading = None
            if (
                self._allowance >= 1
                and detection.width_px >= self._settings.plate_width_min_px
                and _is_whole(detection, luma)
                and self._voter.needs_reading(at_seconds, detection)
            ):
                self._allowance -= 1
                reading = self._reader.read(luma, detection.corners)
            reads.append(PlateRead(detection, reading, _Crop(luma, detection)))
        return reads


@dataclass(frozen=True)
class _Crop:
    """Cuts a detection's picture when asked; lives no longer than its frame."""

    luma: Luma
    detection: Detection

    def __call__(self) -> bytes:
        return crop_jpeg(self.luma, self.detection.box)


def _in_pixels(region: Region, luma: Luma) -> tuple[int, int, int, int]:
    height, width = luma.shape
    left, top, right, bottom = region
    return int(left * width), int(top * height), math.ceil(right * width), math.ceil(bottom * height)


def _is_whole(found: Detection, luma: Luma) -> bool:
    """Whether the frame's edge keeps clear of the plate: what is cut off reads well, and wrong."""
    edge = _EDGE * found.width_px
    height, width = luma.shape
    left, top, right, bottom = found.box
    return left > edge and top > edge and right < width - edge and bottom < height - edge
