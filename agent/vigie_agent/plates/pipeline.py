"""Frames in, voted reads out: detect, straighten, read, vote, within a budget of work a second."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from vigie_agent.plates.crop import crop_jpeg
from vigie_agent.plates.detector import Detection, Detector
from vigie_agent.plates.gaze import Gaze, View
from vigie_agent.plates.reader import Reader
from vigie_agent.plates.rectify import Luma
from vigie_agent.plates.runtime import MODELS, Weights
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
    weights: Weights = "auto"
    vote: VoteSettings = field(default_factory=VoteSettings)


class PlateReader:
    """Reads the plates of one camera. Not thread-safe: one camera, one reader, one thread at a time."""

    def __init__(self, settings: PlateSettings | None = None, folder: Path = MODELS) -> None:
        self._settings = settings or PlateSettings()
        self._detector = Detector(folder, self._settings.detection_threshold, self._settings.weights)
        self._reader = Reader(folder, self._settings.kinds, self._settings.weights)
        self._voter = PlateVoter(self._settings.vote)
        self._gaze = Gaze()
        self._looked_at: float | None = None
        self._frame_shape = (1, 1)
        self._allowance = self._settings.reads_per_second

    def observe(self, at_seconds: float, luma: Luma, region: Region | None = None) -> list[VotedRead]:
        """Take a frame's Y plane; returns the stays that can be told now, their boxes as shares of the frame.

        `region` is where something moves, if that is known. Frames beyond the budget cost nothing.
        """
        if not self._is_due(at_seconds):
            return []
        height, width = self._frame_shape = luma.shape[0], luma.shape[1]
        found: list[Detection] = []
        for view in self._gaze.views(at_seconds, (width, height), region):
            found += [one for one in self._seen_in(view, luma) if not any(_is_same(one, other) for other in found)]
        self._gaze.saw(at_seconds, (width, height), [one.box for one in found])
        return self._as_shares(self._voter.feed(at_seconds, self._read_all(at_seconds, luma, found)))

    def _seen_in(self, view: View, luma: Luma) -> list[Detection]:
        """The plates in a part of the frame, less those that its edge cuts."""
        left, top, right, bottom = view
        part = luma[top:bottom, left:right]
        cuts = (left > 0, top > 0, right < luma.shape[1], bottom < luma.shape[0])
        found = self._detector.detect(part)
        return [one.moved(1, (left, top)) for one in found if _is_whole(one, part, cuts)]

    @property
    def models(self) -> tuple[str, ...]:
        """The files that it finds and reads with."""
        return tuple(network.told for network in (*self._detector.networks, self._reader.network))

    @property
    def lines_read(self) -> int:
        """What reading has cost so far: lines of plates that the reader's network went over."""
        return self._reader.lines_read

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
        """Wide plates first; what the allowance does not cover is followed, not read.

        A read that looks twice costs two: what it took beyond the allowance is missing from the next frames'.
        """
        reads = []
        for detection in sorted(found, key=lambda one: -one.width_px):
            reading, was_tried = None, False
            if (
                self._allowance >= 1
                and detection.width_px >= self._settings.plate_width_min_px
                and _is_whole(detection, luma)
                and self._voter.needs_reading(at_seconds, detection)
            ):
                before, was_tried = self._reader.lines_read, True
                reading = self._reader.read_found(luma, detection)
                self._allowance -= self._reader.lines_read - before
            reads.append(PlateRead(detection, reading, _Crop(luma, detection), was_tried))
        return reads


@dataclass(frozen=True)
class _Crop:
    """Cuts a detection's picture when asked; lives no longer than its frame."""

    luma: Luma
    detection: Detection

    def __call__(self) -> bytes:
        return crop_jpeg(self.luma, self.detection.box)


def _is_same(one: Detection, other: Detection) -> bool:
    """Whether the middle of one lies on the other: two views overlap, plates do not."""
    x, y = (one.box[0] + one.box[2]) / 2, (one.box[1] + one.box[3]) / 2
    left, top, right, bottom = other.box
    return left <= x <= right and top <= y <= bottom


def _is_whole(found: Detection, luma: Luma, edges: tuple[bool, bool, bool, bool] = (True, True, True, True)) -> bool:
    """Whether the picture's `edges` keep clear of the plate: what is cut off reads well, and wrong."""
    clear = _EDGE * found.width_px
    height, width = luma.shape
    left, top, right, bottom = found.box
    room = (left, top, width - right, height - bottom)
    return all(space > clear for space, counts in zip(room, edges, strict=True) if counts)
