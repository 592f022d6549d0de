"""Settings of the uplink: how much goes out at once, and how long to wait for an answer."""

from pydantic import Field

from vigie_agent.camera_settings import Section
from vigie_shared.batches import EVENTS_MAX


class HeartbeatSettings(Section):
    """`[heartbeat]`: the sign of life."""

    interval_seconds: float = Field(
        default=60.0,
        gt=0,
        le=3600,
        description="Longest time between two heartbeats; news are told sooner. After three missed the agent is lost.",
    )


class UplinkSettings(Section):
    """`[uplink]`: how events travel."""

    batch_events_max: int = Field(default=EVENTS_MAX, ge=1, le=EVENTS_MAX, description="Most events in one message.")
    batch_bytes_max: int = Field(
        default=16 * 1024,
        ge=1024,
        le=256 * 1024,
        description="Most bytes in one message; on a slow link, what 200 ms carry.",
    )
    flights_max: int = Field(
        default=16, ge=1, le=64, description="Messages on their way at once; their bytes are bounded by `[link]`."
    )
    linger_seconds: float = Field(
        default=0.2,
        ge=0,
        le=10,
        description="How long a new event waits for others to travel with; hits and gaps never wait.",
    )
    ack_seconds: float = Field(
        default=10.0,
        gt=0,
        le=300,
        description="How long nats-server may take to confirm a message before it is sent again.",
    )
    ask_seconds: float = Field(
        default=5.0,
        gt=0,
        le=600,
        description="How long the hub's receipt may stay behind before the agent asks for it.",
    )
    reconnect_seconds_max: float = Field(
        default=30.0, ge=1, le=600, description="Longest wait between two tries to reach nats-server."
    )
