"""Heartbeats: an agent's sign of life, and how its cameras and store fare."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from vigie_shared.clock import UtcDatetime
from vigie_shared.ids import AgentId, CameraId, UniqueId
from vigie_shared.link import LinkReport
from vigie_shared.receipts import LanesOfAny


class CameraHealth(BaseModel):
    """One camera, as it is now."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    camera_id: CameraId
    name: str = Field(max_length=80)
    state: Literal["starting", "streaming", "lost"]
    frames_per_second: float = Field(ge=0)
    kbps: float = Field(ge=0)
    moving: bool


class Heartbeat(BaseModel):
    """Published each `interval_seconds`; three missed ones make an agent lost."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    agent_id: AgentId
    epoch: UniqueId
    version: str = Field(max_length=32)
    at: UtcDatetime
    interval_seconds: float = Field(gt=0, le=3600)
    cameras: tuple[CameraHealth, ...] = Field(default=(), max_length=256)
    newest: LanesOfAny = Field(default_factory=dict)
    """Highest sequence of each lane: with the hub's watermark it says what is still at the edge."""
    clips_kept: int = Field(ge=0)
    clips_bytes: int = Field(ge=0)
    clips_bytes_max: int | None = Field(default=None, ge=0)
    """What clips may take before the oldest make way; with their rate it says for how long each stays."""
    disk_free_bytes: int | None = Field(default=None, ge=0)
    """None where the disk could not be asked: an alarm, never infinite space."""
    store_fault: str | None = Field(default=None, max_length=200)
    """Why the store refused the last write or read; None where it took it."""
    link: LinkReport | None = None
    """How the way to the hub fares and what waits for it; None of agents that do not say."""
