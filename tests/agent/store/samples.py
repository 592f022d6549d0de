"""Events and clips to store: small, different, with the right digests."""

import hashlib
import itertools
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from vigie_agent.camera import FinishedClip, finish_clip
from vigie_agent.capture.packets import Packet, StreamInfo
from vigie_agent.clips.recorder import RecordedClip
from vigie_agent.store import Store, volumes
from vigie_shared.events import MotionStarted, PlateRead
from vigie_shared.ids import unique_id

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
_numbers = itertools.count()


class FixedClock:
    """A clock that stands until it is moved."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at
        self.jumped = timedelta(0)
        """By how much the wall clock was moved without time passing."""

    def now(self) -> datetime:
        """The time that was set."""
        return self.at

    def monotonic_seconds(self) -> float:
        """Seconds since the start."""
        return (self.at - self.jumped - START).total_seconds()

    def jump(self, by: timedelta) -> None:
        """Set the wall clock; no time passes."""
        self.at += by
        self.jumped += by


def motion(camera_id: str = "gate", at: datetime | None = None) -> MotionStarted:
    """A motion, each later than the one before."""
    at = at or START + timedelta(milliseconds=next(_numbers))
    return MotionStarted(at=at, camera_id=camera_id, motion_id=unique_id(at), score=3.0, region=(0, 0, 0.5, 0.5))


def read(text: str = "12345-A-6", at: datetime | None = None) -> PlateRead:
    """A plate read."""
    at = at or START + timedelta(milliseconds=next(_numbers))
    return PlateRead(
        at=at,
        camera_id="gate",
        read_id=unique_id(at),
        text=text,
        plate_kind="civil",
        confidence=0.9,
        uncertain=False,
        frame_count=3,
        first_seen_at=at,
        last_seen_at=at,
        direction="approaching",
        box=(0.1, 0.1, 0.2, 0.2),
        crop_bytes=4,
    )


def clip(size_bytes: int = 3000, segments: int = 3, at: datetime | None = None) -> FinishedClip:
    """A clip of `segments` pieces that are not alike."""
    at = at or START + timedelta(milliseconds=next(_numbers))
    clip_id = unique_id(at)
    data = (hashlib.sha256(clip_id.encode()).digest() * (size_bytes // 32 + 1))[:size_bytes]
    step = -(-size_bytes // segments)
    return FinishedClip(
        clip_id=clip_id,
        motion_id=unique_id(at),
        camera_id="gate",
        at=at,
        ended_at=at + timedelta(seconds=10),
        codec="h264",
        width_px=640,
        height_px=360,
        segments=tuple(data[start : start + step] for start in range(0, size_bytes, step)),
        bytes=size_bytes,
    )


def digest(one: FinishedClip) -> str:
    """What a pull of this clip must answer to."""
    return hashlib.sha256(b"".join(one.segments)).hexdigest()


def open_store(folder: Path, *, keep_bytes_max: int = 1024**3, clock: FixedClock | None = None, **more: Any) -> Store:
    """A store of agent `edge`."""
    return Store(folder, "edge", keep_bytes_max=keep_bytes_max, clock=clock or FixedClock(), **more)


def filmed(stream: StreamInfo, packets: Sequence[Packet], camera_id: str = "gate") -> FinishedClip:
    """A clip that plays."""
    return finish_clip(camera_id, RecordedClip(unique_id(START), stream, tuple(packets)))


def damage_segment(folder: Path, clip_id: str, idx: int) -> None:
    """Turn a bit of a stored segment, as a bad page would; stale copies of it in the file too."""
    for path in (volumes.path_of(folder, number) for number in volumes.numbers(folder)):
        connection = sqlite3.connect(path)
        rows = connection.execute("SELECT clip_id, idx, bytes FROM segments").fetchall()
        connection.close()
        others = b"".join(row[2] for row in rows if row[:2] != (clip_id, idx))
        for data in (row[2] for row in rows if row[:2] == (clip_id, idx)):
            pieces = [data[at : at + 64] for at in range(0, len(data) - 63, 64)]
            own = next(piece for piece in pieces if piece not in others)
            path.write_bytes(path.read_bytes().replace(own, bytes([own[0] ^ 1]) + own[1:]))
            return
    raise AssertionError("no such segment")


def settle(store: Store) -> None:
    """Wait until everything recorded so far is on the disk, and what followed from it."""
    for _ in range(2):
        store._writer.submit(lambda connection: None).result()
