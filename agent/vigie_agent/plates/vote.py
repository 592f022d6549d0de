"""Many reads of one stay made into one. Sans-I/O: time comes in with each frame, pictures only as bytes.

A stay is a plate seen in frame after frame, followed by its place or by what it says. It is told once: when it ends, or
once it has been watched for `patience_seconds` and its reads agree. A plate found again just where it stood has never
left, however often motion began and ended beside it. So a parked vehicle floods nothing, and a wanted one is told soon.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from vigie_agent.plates.decoding import Reading
from vigie_agent.plates.detector import Box, Detection

_TEXTS_MAX: Final = 24
_READS_EAGER, _SELDOM_SECONDS = 40, 2.0
"""A plate that was read so often and is still not settled is read this seldom."""
_GREW_MOST, _MOVED_MOST = 0.12, 0.2

Direction = Literal["approaching", "receding", "left", "right", "still"]


@dataclass(frozen=True)
class VoteSettings:
    """When a stay begins and ends, and how much it must agree with itself.

    What is told must have been read twice, or be certain: letters that are no plate's read differently each time.
    """

    patience_seconds: float = 2.5
    lost_after_seconds: float = 1.3
    same_stay_seconds: float = 6.0
    parked_seconds: float = 1800.0
    """How long a plate may go unseen and still have stood where it is found again."""
    frames_min: int = 2
    certain_from: float = 0.9
    told_from: float = 0.3
    still_share_min: float = 0.4
    """Of all tries to read what stands still, so many must say the same: a clock in the picture says something else."""
    tracks_max: int = 32


@dataclass(frozen=True)
class PlateRead:
    """One plate in one frame. `reading` is None where it was not read; `crop` makes its picture, if it is the best."""

    detection: Detection
    reading: Reading | None = None
    crop: Callable[[], bytes] = bytes
    was_tried: bool = False
    """Whether reading it was tried: where nothing was read then, that speaks against a plate."""


@dataclass(frozen=True)
class VotedRead:
    """One stay of one plate; times are seconds on the caller's clock, `box` is where its best picture lay."""

    text: str
    kind: str
    confidence: float
    char_confidences: tuple[float, ...]
    alternatives: tuple[tuple[str, float], ...]
    uncertain: bool
    crop_jpeg: bytes
    frame_count: int
    first_seen_at: float
    last_seen_at: float
    direction: Direction
    box: Box


@dataclass(frozen=True)
class _Best:
    """The best read of one text, and its picture."""

    reading: Reading
    worth: float
    crop_jpeg: bytes
    box: Box


@dataclass(frozen=True)
class _Told:
    """A stay that has been told, and where and when its plate was seen last."""

    text: str
    seen_at: float
    box: Box


@dataclass
class Track:
    """A plate being followed."""

    first_seen_at: float
    last_seen_at: float
    first_box: Box
    box: Box
    velocity: tuple[float, float] = (0.0, 0.0)
    frames: int = 1
    read_since: float | None = None
    read_at: float = 0.0
    reads: int = 0
    tries: int = 0
    weights: dict[str, float] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)
    best: dict[str, _Best] = field(default_factory=dict)
    told: str | None = None

    def expected(self, at_seconds: float) -> tuple[float, float]:
        """Where its middle should be by now."""
        x, y = _middle(self.box)
        since = at_seconds - self.last_seen_at
        return x + self.velocity[0] * since, y + self.velocity[1] * since

    def follow(self, at_seconds: float, box: Box) -> None:
        """It was seen again."""
        since = max(1e-3, at_seconds - self.last_seen_at)
        (x0, y0), (x1, y1) = _middle(self.box), _middle(box)
        self.velocity = ((x1 - x0) / since, (y1 - y0) / since)
        self.box, self.last_seen_at = box, at_seconds
        self.frames += 1

    def hear(self, at_seconds: float, read: PlateRead) -> None:
        """Count one read, a wider plate for more; keep the picture of the best one of each text."""
        self.tries += read.was_tried or read.reading is not None
        if (reading := read.reading) is None:
            return
        self.read_since = at_seconds if self.read_since is None else self.read_since
        self.read_at, self.reads = at_seconds, self.reads + 1
        worth = reading.confidence**2 * min(1.0, read.detection.width_px / 100)
        text = reading.text
        self.weights[text] = self.weights.get(text, 0.0) + worth
        self.times[text] = self.times.get(text, 0) + 1
        if text not in self.best or worth > self.best[text].worth:
            self.best[text] = _Best(reading, worth, read.crop(), read.detection.box)
        if len(self.weights) > _TEXTS_MAX:
            least = min(self.weights, key=lambda one: self.weights[one])
            del self.weights[least], self.times[least], self.best[least]


class PlateVoter:
    """Follows plates from frame to frame and tells each stay once. A clock set back ends every stay."""

    def __init__(self, settings: VoteSettings | None = None) -> None:
        self._settings = settings or VoteSettings()
        self._tracks: list[Track] = []
        self._recent: deque[_Told] = deque(maxlen=64)
        self._said: deque[_Told] = deque(maxlen=64)
        """What stood still and was read, told or not, and where."""
        self._latest = float("-inf")

    def feed(self, at_seconds: float, reads: Sequence[PlateRead]) -> list[VotedRead]:
        """Take one frame's plates (none is a frame too); returns the stays that can be told now."""
        told = []
        if at_seconds < self._latest:
            told = self.flush()
            self._recent.clear()
        self._latest = at_seconds
        self._assign(at_seconds, reads)
        return told + self._told(at_seconds, ending=False)

    def flush(self) -> list[VotedRead]:
        """End every stay: the film is over, or the camera is gone."""
        return self._told(float("inf"), ending=True)

    def needs_reading(self, at_seconds: float, detection: Detection) -> bool:
        """Whether a read of this plate could still change what is told; what stays unreadable is tried less often."""
        track = self._nearest(at_seconds, detection.box, self._tracks)
        if track is None or track.reads < _READS_EAGER:
            return track is None or track.told is None
        return track.told is None and at_seconds - track.read_at >= _SELDOM_SECONDS

    def _assign(self, at_seconds: float, reads: Sequence[PlateRead]) -> None:
        free = list(self._tracks)
        for read in sorted(reads, key=lambda one: -one.detection.score):
            box = read.detection.box
            track = self._nearest(at_seconds, box, free) or _of_that_text(read, free)
            if track is not None:
                free.remove(track)
                track.follow(at_seconds, box)
            elif len(self._tracks) < self._settings.tracks_max:
                track = Track(at_seconds, at_seconds, box, box)
                self._tracks.append(track)
            else:
                continue
            track.hear(at_seconds, read)

    @staticmethod
    def _nearest(at_seconds: float, box: Box, tracks: Sequence[Track]) -> Track | None:
        """The track whose plate this is: less than a plate's width from where it should be, and about as big."""
        best, least = None, 0.9
        x, y = _middle(box)
        for track in tracks:
            wide, was = box[2] - box[0], track.box[2] - track.box[0]
            if not 0.5 < wide / max(1.0, was) < 2.0:
                continue
            expected_x, expected_y = track.expected(at_seconds)
            distance = float(((x - expected_x) ** 2 + (y - expected_y) ** 2) ** 0.5) / max(1.0, (wide + was) / 2)
            if distance < least:
                best, least = track, distance
        return best

    def _told(self, at_seconds: float, *, ending: bool) -> list[VotedRead]:
        told, kept = [], []
        for track in self._tracks:
            lost = ending or at_seconds - track.last_seen_at > self._settings.lost_after_seconds
            if track.told is None and (lost or self._is_watched_enough(track, at_seconds)):
                read = self._vote(track)
                if read and (lost or not read.uncertain):
                    track.told = read.text
                    told += [] if self._goes_on(track) else [read]
            if lost and track.weights and _direction(track.first_box, track.box) == "still":
                self._said.append(_Told(max(track.weights, key=track.weights.__getitem__), at_seconds, track.box))
            if not lost:
                kept.append(track)
            elif text := track.told or self._seen_again(track):
                self._recent.append(_Told(text, track.last_seen_at, track.box))
        self._tracks = kept
        return told

    def _is_watched_enough(self, track: Track, at_seconds: float) -> bool:
        since = track.read_since
        return since is not None and at_seconds - since >= self._settings.patience_seconds

    def _goes_on(self, track: Track) -> bool:
        """Whether this is a stay that was told already, lost for a moment, or unseen because nothing moved there."""
        return any(other.told == track.told for other in self._tracks if other is not track) or any(
            one.text == track.told and self._is_same_stay(one, track) for one in self._recent
        )

    def _is_same_stay(self, one: _Told, track: Track) -> bool:
        unseen = track.first_seen_at - one.seen_at
        most = (
            self._settings.parked_seconds if _is_there(one.box, track.first_box) else self._settings.same_stay_seconds
        )
        return unseen <= most

    def _seen_again(self, track: Track) -> str | None:
        """What a told stay says of which this is a glimpse, too short to be told."""
        same = (one.text for one in self._recent if one.text in track.weights and self._is_same_stay(one, track))
        return next(same, None)

    def _said_else(self, text: str, box: Box) -> bool:
        """Whether something else was read at that place: clocks change what they say, plates do not."""
        x, y = _middle(box)
        return any(
            one.text != text and one.box[0] < x < one.box[2] and one.box[1] < y < one.box[3] for one in self._said
        )

    def _vote(self, track: Track) -> VotedRead | None:
        """The track's read, unless it was a flicker or its reads say too little."""
        if track.frames < self._settings.frames_min or not track.weights:
            return None
        ranked = sorted(track.weights.items(), key=lambda one: -one[1])
        text, weight = ranked[0]
        total = sum(track.weights.values())
        best = track.best[text]
        confidence = best.reading.confidence * weight / total
        is_repeated = track.times[text] > 1 or confidence >= self._settings.certain_from
        direction = _direction(track.first_box, track.box)
        is_clock = (
            confidence < self._settings.certain_from and direction == "still" and self._said_else(text, track.box)
        )
        is_plain = direction != "still" or track.times[text] >= self._settings.still_share_min * track.tries
        if confidence < self._settings.told_from or not is_repeated or not is_plain or is_clock:
            return None
        others = {other: worth / total for other, worth in ranked[1:]}
        for other, chance in best.reading.alternatives:
            others.setdefault(other, chance)
        return VotedRead(
            text=text,
            kind=best.reading.plate.kind,
            confidence=confidence,
            char_confidences=best.reading.char_confidences,
            alternatives=tuple(sorted(others.items(), key=lambda one: -one[1])[:3]),
            uncertain=confidence < self._settings.certain_from,
            crop_jpeg=best.crop_jpeg,
            frame_count=track.frames,
            first_seen_at=track.first_seen_at,
            last_seen_at=track.last_seen_at,
            direction=direction,
            box=best.box,
        )


def _of_that_text(read: PlateRead, tracks: Sequence[Track]) -> Track | None:
    """The track that read the same before: frames were too far apart to follow the plate by its place."""
    if read.reading is None:
        return None
    text = read.reading.text
    return next((track for track in tracks if text in track.weights), None)


def _is_there(was: Box, box: Box) -> bool:
    """Whether a plate lies where it lay, as no vehicle does that has been away."""
    wide, now = was[2] - was[0], box[2] - box[0]
    (x0, y0), (x1, y1) = _middle(was), _middle(box)
    return abs(now / max(1.0, wide) - 1) < _GREW_MOST and max(abs(x1 - x0), abs(y1 - y0)) < _MOVED_MOST * wide


def _middle(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _direction(first: Box, last: Box) -> Direction:
    """Growing plates come nearer; those that keep their size go where their middle goes."""
    was, wide = first[2] - first[0], last[2] - last[0]
    growth = wide / max(1.0, was)
    if growth > 1.2:
        return "approaching"
    if growth < 1 / 1.2:
        return "receding"
    moved = _middle(last)[0] - _middle(first)[0]
    if abs(moved) > wide:
        return "right" if moved > 0 else "left"
    return "still"
