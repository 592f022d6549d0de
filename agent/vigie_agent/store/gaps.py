"""Gaps: signed before they are written, and kept in memory, merged, until the disk takes them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from vigie_shared import gaps
from vigie_shared.events import GapRecorded
from vigie_shared.ids import unique_id

GapReason = Literal["camera_lost", "disk_full", "disk_error", "overwritten", "agent_down", "overload"]
Sign = Callable[[bytes], str]
"""The agent's signature over a message."""


def signed(gap: GapRecorded, agent_id: str, sign: Sign | None) -> GapRecorded:
    """`gap` with the agent's word for it; as it is where there is no key."""
    if sign is None:
        return gap
    return gap.model_copy(update={"signature": sign(gaps.statement(agent_id, gap))})


@dataclass(frozen=True)
class _Range:
    at: datetime
    ended_at: datetime

    def joined(self, other: "_Range") -> "_Range":
        return _Range(min(self.at, other.at), max(self.ended_at, other.ended_at))


class PendingGaps:
    """One range per camera and reason, so that a long outage cannot fill the memory. Not safe between threads."""

    def __init__(self) -> None:
        self._ranges: dict[tuple[str, GapReason], _Range] = {}

    def __len__(self) -> int:
        return len(self._ranges)

    def note(self, camera_id: str, reason: GapReason, at: datetime, ended_at: datetime) -> None:
        """Footage from `at` to `ended_at` was lost."""
        found = _Range(at, ended_at)
        known = self._ranges.get((camera_id, reason))
        self._ranges[camera_id, reason] = known.joined(found) if known else found

    def take(self) -> list[GapRecorded]:
        """All gaps as events; they are no longer pending."""
        ranges, self._ranges = self._ranges, {}
        return [
            GapRecorded(at=gap.at, ended_at=gap.ended_at, camera_id=camera_id, gap_id=unique_id(gap.at), reason=reason)
            for (camera_id, reason), gap in ranges.items()
        ]

    def put_back(self, events: list[GapRecorded]) -> None:
        """They were not written after all."""
        for event in events:
            self.note(event.camera_id, event.reason, event.at, event.ended_at)
