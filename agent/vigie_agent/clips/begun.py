"""A clip that has begun: what is known of it from its first packet on."""

from collections.abc import Callable

from pydantic import BaseModel, ConfigDict

from vigie_shared.clock import UtcDatetime
from vigie_shared.ids import CameraId, UniqueId


class ClipBegun(BaseModel):
    """Goes with each segment; the first row of a clip in a volume says it too."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    clip_id: UniqueId
    motion_id: UniqueId | None
    camera_id: CameraId
    at: UtcDatetime
    codec: str
    width_px: int
    height_px: int


OnSegment = Callable[[ClipBegun, int, bytes], None]
"""Takes one segment of a clip that is still being recorded, by its index; returns at once and raises nothing."""
