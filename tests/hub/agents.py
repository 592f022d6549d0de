"""An agent as the wire shows it: a key, an outbox's epoch, and what it says. For the hub's tests."""

import asyncio
import base64
import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

import nats
import nkeys
from nats.aio.client import Client

from vigie_hub.bus.trust import Trust
from vigie_hub.keys import KeyPair
from vigie_shared import subjects
from vigie_shared.batches import Batch, encode
from vigie_shared.events import AnyEvent, ClipStored, Lane, MotionStarted, PlateRead
from vigie_shared.ids import unique_id

NOON: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
EPOCH: Final = "0" * 21 + "1"


class StoppedClock:
    """Stands still until it is moved."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def monotonic_seconds(self) -> float:
        return (self.at - NOON).total_seconds()

    def move(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def new_key(prefix: int = nkeys.PREFIX_BYTE_USER) -> KeyPair:
    return KeyPair(nkeys.encode_seed(secrets.token_bytes(32), prefix).decode())


def plate_read(text: str = "12345|أ|6", *, uncertain: bool = False, read_id: str | None = None) -> PlateRead:
    return PlateRead(
        at=NOON,
        camera_id="gate",
        read_id=read_id or unique_id(NOON),
        text=text,
        plate_kind="civil",
        confidence=0.9,
        uncertain=uncertain,
        frame_count=3,
        first_seen_at=NOON,
        last_seen_at=NOON,
        direction="approaching",
        box=(0.1, 0.1, 0.2, 0.2),
        crop_bytes=900,
    )


def motion() -> MotionStarted:
    return MotionStarted(at=NOON, camera_id="gate", motion_id=unique_id(NOON), score=0.4, region=(0.0, 0.0, 1.0, 1.0))


def clip() -> ClipStored:
    return ClipStored(
        at=NOON,
        camera_id="gate",
        clip_id=unique_id(NOON),
        ended_at=NOON + timedelta(seconds=5),
        bytes=1000,
        sha256="a" * 64,
        codec="h264",
        width_px=640,
        height_px=360,
    )


def batch(events: Sequence[AnyEvent], first_seq: int = 1, *, agent_id: str = "gate-1", lane: Lane = "lpr") -> Batch:
    return Batch(agent_id=agent_id, epoch=EPOCH, lane=lane, first_seq=first_seq, events=tuple(events))


class Agent:
    """Logs in with its own key and speaks under its own name."""

    def __init__(self, agent_id: str, key: KeyPair | None = None) -> None:
        self.agent_id = agent_id
        self.key = key or new_key()
        self.token = ""
        self.client: Client
        self.errors: list[str] = []
        self.refused = asyncio.Event()

    def trusted_by(self, trust: Trust) -> Self:
        """With a token that nats-server takes."""
        self.token = trust.agent_token(self.agent_id, self.key.public_key)
        return self

    def answer(self, nonce: str) -> bytes:
        """The server's nonce, signed."""
        return base64.b64encode(base64.urlsafe_b64decode(self.key.sign(nonce.encode()) + "=="))

    @asynccontextmanager
    async def connected(
        self, url: str, context: ssl.SSLContext | None = None, reconnects: int = -1
    ) -> AsyncIterator["Agent"]:
        async def failed(error: Exception) -> None:
            self.errors.append(str(error))
            self.refused.set()

        self.client = await nats.connect(
            url,
            user_jwt_cb=self.token.encode,
            signature_cb=self.answer,
            tls=context,
            tls_handshake_first=context is not None,
            inbox_prefix=subjects.inbox_prefix(self.agent_id),
            error_cb=failed,
            reconnect_time_wait=0,
            max_reconnect_attempts=reconnects,
            allow_reconnect=reconnects != 0,  # which nats-py takes for endless tries
        )
        try:
            yield self
        finally:
            await self.client.close()

    async def send(self, sent: Batch) -> None:
        """Returns once JetStream has it."""
        jetstream = self.client.jetstream()
        await jetstream.publish(subjects.events(self.agent_id, sent.lane), encode(sent))


async def until(condition: Callable[[], Coroutine[Any, Any, bool]], seconds: float = 60) -> None:
    """Wait until `condition` holds; fails after `seconds`."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
