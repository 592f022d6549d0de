"""What a pull has brought."""

from dataclasses import dataclass
from datetime import datetime

from vigie_hub.video.pull.roads import Road
from vigie_shared.transfer import Head, Index, Manifest


@dataclass(frozen=True, slots=True)
class ArchivedClip:
    """A clip that is durable in the archive, its bytes those that the agent's event promised."""

    clip_id: str
    sha256: str
    bytes: int
    pulled_at: datetime
    pull_seconds: float
    received_bytes: int
    """What travelled for it since the pull began: less than `bytes` where an earlier pull had left some, more where
    a session broke in the middle of a block."""
    roads: tuple[Road, ...] = ()
    """By which it came, the last one last."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Keyframes of a clip, verified by the agent's signature; the rest of the clip stayed where it is."""

    index: Index
    init: bytes
    heads: tuple[tuple[Head, bytes], ...]
    """In order of time."""
    received_bytes: int
    seconds: float
    roads: tuple[Road, ...]


@dataclass(frozen=True, slots=True)
class SubStream:
    """A clip as its agent made it small, verified by the agent's signature; the clip itself stayed where it is."""

    manifest: Manifest
    data: bytes
    received_bytes: int
    seconds: float
    roads: tuple[Road, ...]
