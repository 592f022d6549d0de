"""Stream `EVT` and its two durables: made where they are missing, brought up to date where they differ."""

from typing import Final

from nats.aio.client import Client
from nats.js import api
from nats.js.errors import NotFoundError

from vigie_hub.settings import NatsSettings
from vigie_shared import subjects
from vigie_shared.events import LANES

ACK_WAIT_SECONDS: Final = 30.0
ACK_PENDING_MAX: Final = 1000
SUBJECT_MESSAGES_MAX: Final = 1024
"""Of one lane of one agent, so that none can fill the stream. An agent leaves no more than half of it unread
(`vigie_agent.uplink.outbox`); of one that does the oldest go, and it sends them again for want of a receipt."""
MESSAGE_BYTES_MAX: Final = 264 * 1024
"""More than the largest batch that an agent can be set to send; all lanes of one hold 1.6 GB at the very worst."""
_DUPLICATE_WINDOW_SECONDS: Final = 0.1
"""The least that nats-server takes: the projector knows duplicates by their sequence, however late they come."""


def stream_config(settings: NatsSettings) -> api.StreamConfig:
    """Keeps all for a while, in files; a full stream refuses, so that nothing is lost in silence."""
    return api.StreamConfig(
        name=subjects.STREAM,
        subjects=[f"e.*.{lane}" for lane in LANES],
        retention=api.RetentionPolicy.LIMITS,
        storage=api.StorageType.FILE,
        discard=api.DiscardPolicy.NEW,
        max_age=settings.stream_hours * 3600,
        max_bytes=settings.stream_bytes_max,
        max_msgs_per_subject=SUBJECT_MESSAGES_MAX,
        max_msg_size=MESSAGE_BYTES_MAX,
        num_replicas=settings.replicas,
        duplicate_window=_DUPLICATE_WINDOW_SECONDS,
    )


def consumer_config(durable: str) -> api.ConsumerConfig:
    """One durable for all agents; what is not acknowledged comes again."""
    lanes = [lane for lane in LANES if (lane == "hit") == (durable == subjects.HITS_DURABLE)]
    return api.ConsumerConfig(
        durable_name=durable,
        filter_subjects=[f"e.*.{lane}" for lane in lanes],
        ack_policy=api.AckPolicy.EXPLICIT,
        deliver_policy=api.DeliverPolicy.ALL,
        ack_wait=ACK_WAIT_SECONDS,
        max_ack_pending=ACK_PENDING_MAX,
    )


async def bind(client: Client, settings: NatsSettings, durable: str = subjects.DURABLE) -> None:
    """Make the stream and `durable`, which a wiped server has lost, or bring them up to date."""
    jetstream = client.jetstream()
    try:
        await jetstream.stream_info(subjects.STREAM)
        await jetstream.update_stream(stream_config(settings))
    except NotFoundError:
        await jetstream.add_stream(stream_config(settings))
    await jetstream.add_consumer(subjects.STREAM, consumer_config(durable))
