"""Marks of events: 32 bits by which both sides tell whether they mean the same event at a place of a lane.

Over what makes an event that event, and no more: its kind, its time, its camera and its ids. A mark stays the same
whatever a later release adds to events, so these names are frozen.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zlib import crc32

MARKS_MAX: Final = 256
"""Places that one question may ask for."""
_NAMES: Final = ("kind", "camera_id", "motion_id", "read_id", "hit_id", "clip_id", "gap_id")
_START: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def mark(event: Mapping[str, Any]) -> int:
    """The mark of an event, given as its JSON object."""
    names = [str(event.get(name) or "") for name in _NAMES]
    return crc32("\n".join([*names, _milliseconds(event.get("at"))]).encode())


def _milliseconds(at: Any) -> str:
    """Since 1970; empty for what is no time."""
    try:
        return str((datetime.fromisoformat(at) - _START) // _MILLISECOND)
    except (TypeError, ValueError):
        return ""
