"""A clip that is whole and remuxed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from vigie_agent.clips.recorder import RecordedClip
from vigie_agent.clips.remux import remux
from vigie_shared.ids import unique_id


@dataclass(frozen=True, slots=True)
class FinishedClip:
    """A clip to keep: fragmented MP4, of which each prefix of `segments` plays."""

    clip_id: str
    motion_id: str
    camera_id: str
    at: datetime
    ended_at: datetime
    codec: str
    width_px: int
    height_px: int
    segments: tuple[bytes, ...]
    bytes: int


def finish_clip(camera_id: str, recorded: RecordedClip) -> FinishedClip:
    """Remux `recorded`; raises CaptureError where its packets cannot be a clip."""
    made = recorded.made or remux(recorded.stream, recorded.packets)
    at = recorded.packets[0].at
    return FinishedClip(
        clip_id=recorded.clip_id or unique_id(at),
        motion_id=recorded.motion_id,
        camera_id=camera_id,
        at=at,
        ended_at=at + timedelta(seconds=made.duration_seconds),
        codec=recorded.stream.codec,
        width_px=recorded.stream.width_px,
        height_px=recorded.stream.height_px,
        segments=made.segments,
        bytes=made.size_bytes,
    )
