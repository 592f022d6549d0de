"""Settings of the link: what kind it is, what it may carry, when, and how much a day."""

from dataclasses import dataclass
from datetime import time
from typing import Final

from pydantic import Field

from vigie_agent.camera_settings import Section
from vigie_shared.link import PRIORITIES, LinkKind, Priority

BYTES_PER_KBIT: Final = 125


@dataclass(frozen=True)
class LinkClass:
    """What is taken for granted of a kind of link until something is set or measured."""

    start_kbps: float
    """Where measuring begins."""
    metered: bool


LINK_CLASSES: Final[dict[LinkKind, LinkClass]] = {
    "lte": LinkClass(start_kbps=64, metered=True),
    "wifi": LinkClass(start_kbps=1_000, metered=False),
    "wire": LinkClass(start_kbps=10_000, metered=False),
    "dock": LinkClass(start_kbps=50_000, metered=False),
}
METERED_PRIORITIES: Final = PRIORITIES[: PRIORITIES.index("clip") + 1]
"""What a metered link carries: whatever somebody waits for."""


class LinkWindow(Section):
    """`[[link.windows]]`: these priorities leave between two times of the day only, by the box's local time."""

    priorities: tuple[Priority, ...] = Field(min_length=1, description="What waits for the window.")
    opens: time = Field(description="Local time at which it opens, `01:00`.")
    closes: time = Field(description="Local time at which it closes; before `opens`, it spans midnight.")


class LinkSettings(Section):
    """`[link]`: the way to the hub. Without it, a wire whose rate is measured."""

    kind: LinkKind = Field(default="wire", description="Kind of link; sets where measuring begins and what is metered.")
    rate_kbps: float | None = Field(
        default=None, ge=8, le=10_000_000, description="Never send faster than this; without it, as fast as measured."
    )
    quota_mb_per_day: float | None = Field(
        default=None,
        gt=0,
        description="Most megabytes (10⁶ bytes) sent in one UTC day; footage stops first, hits never.",
    )
    metered: bool | None = Field(
        default=None, description="Whether bytes cost money; where it is not set, an `lte` link is metered."
    )
    metered_priorities: tuple[Priority, ...] = Field(
        default=METERED_PRIORITIES, description="What may leave over a metered link."
    )
    windows: tuple[LinkWindow, ...] = Field(
        default=(),
        max_length=16,
        description="Times of day for what can wait; the rest leaves at any time.",
    )

    @property
    def is_metered(self) -> bool:
        """Whether bytes cost money."""
        return LINK_CLASSES[self.kind].metered if self.metered is None else self.metered

    @property
    def cap_bytes_per_second(self) -> float | None:
        """The rate that must not be exceeded."""
        return None if self.rate_kbps is None else self.rate_kbps * BYTES_PER_KBIT

    @property
    def quota_bytes(self) -> int | None:
        """Most bytes of a UTC day."""
        return None if self.quota_mb_per_day is None else int(self.quota_mb_per_day * 1_000_000)
