"""What an agent says of its link: how fast it is, what waits for it, and when that will have arrived."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from vigie_shared.clock import UtcDatetime

LinkKind = Literal["lte", "wifi", "wire", "dock"]
Priority = Literal["hit", "gap", "heartbeat", "read", "motion", "index", "live", "crop", "clip", "evidence", "bulk"]
PRIORITIES: Final[tuple[Priority, ...]] = (
    *("hit", "gap", "heartbeat", "read", "motion", "index", "live", "crop", "clip", "evidence", "bulk"),
)
"""All that may leave, the most urgent first. Replies and signaling go with heartbeats (docs/design/link.md)."""
Barrier = Literal["window", "metered", "quota"]
ITEMS_MAX: Final = 16


class QueuedItem(BaseModel):
    """One thing that waits by itself: a clip that is asked for."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    label: str = Field(max_length=64)
    bytes: int = Field(ge=0)
    eta_seconds: float | None = Field(default=None, ge=0)
    """None where nobody can say: it waits for a link that may carry it."""


class QueueReport(BaseModel):
    """All that waits at one priority. Bytes are those on the wire."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    priority: Priority
    bytes: int = Field(ge=0)
    eta_seconds: float | None = Field(default=None, ge=0)
    """Until the last of it has left; None where it may not use this link at all."""
    waits_for: Barrier | None = None
    items: tuple[QueuedItem, ...] = Field(default=(), max_length=ITEMS_MAX)
    """The first of them that are known one by one."""


class LinkReport(BaseModel):
    """The link of an agent as it is now; rates in kbit/s."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    at: UtcDatetime
    kind: LinkKind
    connected: bool
    pace_kbps: float | None = Field(default=None, ge=0)
    """What it sends at most now; None where nothing holds it back."""
    measured_kbps: float | None = Field(default=None, ge=0)
    """What arrived, by the receiver's confirmations; None before anything was confirmed."""
    cap_kbps: float | None = Field(default=None, ge=0)
    round_trip_ms: float | None = Field(default=None, ge=0)
    in_flight_bytes: int = Field(ge=0)
    sent_today_bytes: int = Field(ge=0)
    """Of this UTC day, headers included."""
    quota_bytes: int | None = Field(default=None, ge=0)
    queue: tuple[QueueReport, ...] = Field(default=(), max_length=len(PRIORITIES))
    """Priorities with something waiting, the most urgent first."""
