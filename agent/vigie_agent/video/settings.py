"""The `[video]` section: video that leaves the box when somebody looks."""

from pydantic import Field

from vigie_agent.camera_settings import Section
from vigie_shared.ice import ICE_SERVERS_MAX, IceUrl


class VideoSettings(Section):
    """`[video]`: live video and playback over WebRTC."""

    connections_max: int = Field(
        default=8,
        ge=1,
        le=256,
        description="Connections that show video at the same time, idle ones included: one for each camera watched.",
    )
    ice_servers: tuple[IceUrl, ...] = Field(
        default=(),
        max_length=ICE_SERVERS_MAX,
        description="STUN and TURN servers of the box's own, beside those that the hub names with each offer.",
    )
    transcodes_max: int | None = Field(
        default=None,
        ge=0,
        le=64,
        description="Streams made small at the same time, for slow links and for what browsers do not play; each may "
        "keep a core busy. Unset: half of the cores.",
    )
    watching_webhook: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s]+$",
        max_length=300,
        description="Told by POST when a camera begins or ceases to be watched, `{camera_id, watched, at}`: for a lamp "
        "beside the camera.",
    )
