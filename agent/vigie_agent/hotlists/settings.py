"""Settings of hotlists, and of the law that says what may be kept of reads that hit nothing."""

from typing import Annotated, Literal

from pydantic import Field

from vigie_agent.camera_settings import Section
from vigie_shared.ids import ListId


class HotlistSettings(Section):
    """`[hotlists]`: what is looked for at this agent."""

    lists: Literal["all"] | Annotated[tuple[ListId, ...], Field(max_length=32)] = Field(
        default="all",
        description="Lists of the hub that this agent follows: “all” that it offers, or their names; none where empty.",
    )
    lists_max: int = Field(default=32, ge=1, le=256, description="Most lists that “all” takes, “main” first.")
    plates_max: int = Field(
        default=500_000,
        ge=1,
        description="Most plates of all lists together; a list beyond is not followed: one line in the log says so, "
        "and the hub alone matches it.",
    )
    bytes_max: int = Field(
        default=8 * 1024**2, ge=1, description="Most bytes of all lists together, as they travel; beyond as above."
    )
    look_seconds: float = Field(
        default=1800.0,
        ge=1,
        le=86_400,
        description="How often to look for a newer list unasked; the hub's hint brings an edit in seconds.",
    )
    check_only_hours: float = Field(
        default=24.0,
        gt=0,
        description="With an older copy than this, hits are for checking only; the list itself may be stricter.",
    )
    look_back_hours: float = Field(
        default=48.0, ge=0, description="How far back stored reads are looked through when a plate comes to a list."
    )
    look_back_reads_max: int = Field(
        default=500_000, ge=0, description="Most stored reads that are looked through then, the newest first."
    )


class LawSettings(Section):
    """`[law]`: what may be kept of reads that hit nothing; see `law_profile`."""

    keep_non_hits_seconds: float | None = Field(
        default=None,
        ge=0,
        description="Reads that hit nothing are held in memory for this long, never written and never sent; where it "
        "is not set, they are kept and sent like all others.",
    )
    non_hits_bytes_max: int = Field(
        default=64 * 1024**2, ge=0, description="Most memory for such reads; the oldest go first."
    )
