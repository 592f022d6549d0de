"""Hits as agents tell them: the one maker for all tests."""

from typing import Any

from vigie_shared.events import PlateHit, PlateRead
from vigie_shared.ids import unique_id


def plate_hit(read: PlateRead, **more: Any) -> PlateHit:
    """A sure hit of `read` on a fresh copy of list `main`, without a picture, but for what `more` says."""
    known: dict[str, Any] = {
        "at": read.at,
        "camera_id": read.camera_id,
        "hit_id": unique_id(read.at),
        "read": read,
        "entry_id": unique_id(read.at),
        "list_id": "main",
        "list_version": 1,
        "rule": "exact",
        "list_age_seconds": 1.0,
        "check_only": False,
        "retro": False,
        "picture": b"",
    }
    return PlateHit(**known | more)
