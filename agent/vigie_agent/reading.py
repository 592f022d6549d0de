"""Plate reading beside the camera's thread: a bounded queue, which says how much room it has.

What can wait as packets is decoded no faster than there is room; live pictures do not wait: the oldest goes, counted.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from vigie_agent.camera_settings import PlateSettings
from vigie_agent.logs import FaultLog
from vigie_agent.motion.decoder import DecodedFrame
from vigie_agent.motion.grid import Luma
from vigie_shared.events import PlateAlternative, PlateRead
from vigie_shared.ids import read_id

if TYPE_CHECKING:  # Its module loads TFLite, which only the composition root needs.
    from vigie_agent.plates.vote import VotedRead

STOP_SECONDS_MAX: Final = 10.0
_CHARS_MAX: Final = 32
_ALTERNATIVES_MAX: Final = 8

log = structlog.get_logger(__name__)

Deliver = Callable[[PlateRead, bytes], None]
Region = tuple[float, float, float, float]
"""Left, top, right, bottom of a part of the frame, as shares of it."""


class PlateObserver(Protocol):
    """Reads the plates of one camera, called by one thread."""

    def observe(self, at_seconds: float, luma: Luma, region: Region | None = None) -> "Sequence[VotedRead]":
        """Look at a picture, first where something moves in it; returns the stays that can be told now."""
        ...

    def flush(self) -> "Sequence[VotedRead]":
        """End every stay and tell it."""
        ...


@dataclass(frozen=True, slots=True)
class _Look:
    motion_id: str
    position_seconds: float
    at: datetime
    luma: Luma | None
    """None where the motion has ended: tell what was seen."""
    region: Region | None = None


class PlateLane:
    """One camera's plate reader on a thread of its own."""

    def __init__(self, camera_id: str, observer: PlateObserver, settings: PlateSettings, deliver: Deliver) -> None:
        """`deliver` takes each read and its plate's JPEG, on this lane's thread."""
        self._camera_id = camera_id
        self._observer = observer
        self._settings = settings
        self._deliver = deliver
        self._waiting: deque[_Look] = deque()
        self._changed = threading.Condition()
        self._is_stopping = False
        self._is_faulty = False
        self._offered_seconds: float | None = None
        self._seen: _Look | None = None
        self._thread = threading.Thread(target=self._run, name=f"plates-{camera_id}", daemon=True)
        self._fault = FaultLog(log.bind(camera_id=camera_id))
        self._told_dropped_frames = 0
        self.dropped_frames = 0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Read what waits, tell what was seen, and end."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS_MAX)

    def room(self) -> int:
        """Frames that can be taken now without another going."""
        with self._changed:
            return max(0, self._settings.waiting_frames_max - sum(look.luma is not None for look in self._waiting))

    def offer(self, motion_id: str, frame: DecodedFrame, region: Region | None = None) -> None:
        """Take a copy of `frame` if one is due; never waits. `region` is where something moves in it, if known."""
        since = None if self._offered_seconds is None else frame.position_seconds - self._offered_seconds
        if since is not None and 0 <= since < 0.9 / self._settings.frames_per_second_max:
            return
        self._offered_seconds = frame.position_seconds
        self._put(_Look(motion_id, frame.position_seconds, frame.at, frame.luma().copy(), region))

    def motion_ended(self, motion_id: str, position_seconds: float, at: datetime) -> None:
        """Tell what was seen, once the frames before have been read."""
        self._put(_Look(motion_id, position_seconds, at, None))

    def _put(self, look: _Look) -> None:
        with self._changed:
            self._waiting.append(look)
            frames = [waiting for waiting in self._waiting if waiting.luma is not None]
            if len(frames) > self._settings.waiting_frames_max:
                self._waiting.remove(frames[0])
                self.dropped_frames += 1
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_stopping)
                if not self._waiting:
                    break
                look = self._waiting.popleft()
            self._guarded(look)
        if self._seen is not None:
            self._guarded(_Look(self._seen.motion_id, self._seen.position_seconds, self._seen.at, None))

    def _guarded(self, look: _Look) -> None:
        """One picture that cannot be read must not end all reading."""
        try:
            self._look(look)
        except Exception:
            if not self._is_faulty:
                log.exception("plates cannot be read", camera_id=self._camera_id)
            self._is_faulty = True
        else:
            self._is_faulty = False

    def _look(self, look: _Look) -> None:
        if look.luma is not None:
            self._seen = look
            reads = self._observer.observe(look.position_seconds, look.luma, look.region)
        else:
            self._seen = None
            reads = self._observer.flush()
            self._tell_dropped()
        for read in reads:
            self._deliver(
                plate_read(self._camera_id, look.motion_id, read, look.position_seconds, look.at), read.crop_jpeg
            )

    def _tell_dropped(self) -> None:
        """Once for a camera whose motions are not read whole, and when they are again."""
        dropped, self._told_dropped_frames = self.dropped_frames - self._told_dropped_frames, self.dropped_frames
        if dropped:
            self._fault.report("plates are not looked for in every picture: too much moves", dropped_frames=dropped)
        else:
            self._fault.clear("plates are looked for in every picture again")


def plate_read(camera_id: str, motion_id: str, read: "VotedRead", position_seconds: float, at: datetime) -> PlateRead:
    """The event of `read`; the camera's timeline is tied to the wall clock by `position_seconds` and `at`.

    It says what is worth its bytes on the link (docs/design/batches.md): times to the millisecond, shares to the
    thousandth, and of a sure read neither the characters' confidences nor what else it might have been.
    """
    first_seen_at = _to_ms(at + timedelta(seconds=read.first_seen_at - position_seconds))
    last_seen_at = _to_ms(at + timedelta(seconds=read.last_seen_at - position_seconds))
    doubts = read.alternatives[:_ALTERNATIVES_MAX] if read.uncertain else ()
    char_confidences = read.char_confidences[:_CHARS_MAX] if read.uncertain else ()
    return PlateRead(
        at=last_seen_at,
        camera_id=camera_id,
        read_id=read_id(last_seen_at, motion_id, read.text),
        motion_id=motion_id,
        text=read.text,
        plate_kind=read.kind,
        confidence=_ratio(read.confidence),
        uncertain=read.uncertain,
        char_confidences=tuple(_ratio(value) for value in char_confidences),
        alternatives=tuple(PlateAlternative(text=text, confidence=_ratio(value)) for text, value in doubts),
        frame_count=read.frame_count,
        first_seen_at=first_seen_at,
        last_seen_at=last_seen_at,
        direction=read.direction,
        box=tuple(_ratio(value) for value in read.box),
        crop_bytes=len(read.crop_jpeg),
    )


def _ratio(value: float) -> float:
    return round(min(1.0, max(0.0, float(value))), 3)


def _to_ms(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
