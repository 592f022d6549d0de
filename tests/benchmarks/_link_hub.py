"""The hub's end of a narrow link: stream, watermarks, signed receipts, requests, and a pull of 10 GB."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import nats
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.benchmarks._link_agent import AGENT_ID, CLIP_BYTES, CLIP_ID, CLIP_SHA256
from tests.servers.relay import Relay
from vigie_agent.keys import AgentKey
from vigie_hub.archive.files import Archive
from vigie_hub.video.pull.puller import Puller, PullLimits
from vigie_hub.video.pull.sessions import Sessions
from vigie_shared import subjects
from vigie_shared.batches import decode
from vigie_shared.clock import SystemClock
from vigie_shared.commands import CropRequest
from vigie_shared.errors import VigieError
from vigie_shared.events import LANES, Lane, PlateHit
from vigie_shared.receipts import Receipt, WatermarkQuestion, seal
from vigie_shared.signaling import Offer

SCHEMA: Final = 2
REQUEST_SECONDS_MAX: Final = 70.0
REQUESTS_APART_SECONDS: Final = 1.0


@dataclass
class HubEnd:
    """What arrived, and when, by the monotonic clock."""

    client: Client
    key: AgentKey
    hits: dict[str, float] = field(default_factory=dict)
    answered: list[float] = field(default_factory=list)
    """How long each request took; `REQUEST_SECONDS_MAX` where none came."""
    newest: dict[Lane, int] = field(default_factory=lambda: dict.fromkeys(LANES, 0))
    arrivals: list[tuple[float, int]] = field(default_factory=list)
    """When how many events of the backlog came in."""
    _epoch: str = "0" * 22

    async def take_in(self) -> None:
        """Watermarks and receipts, until cancelled."""
        await self.client.subscribe(subjects.ALL_WATERMARK_QUESTIONS, cb=self._answer)
        pulled = await self.client.jetstream().pull_subscribe(subjects.STREAM_SUBJECTS, durable=subjects.DURABLE)
        while True:
            try:
                messages = await pulled.fetch(100, timeout=5)
            except (nats.errors.TimeoutError, TimeoutError):
                continue
            for message in messages:
                self._take(message)
                await message.ack()
            await self.client.publish(subjects.watermark(AGENT_ID), self._receipt())

    def _take(self, message: Msg) -> None:
        batch = decode(message.data, agent_id=AGENT_ID, lane=message.subject.split(".")[2])
        now = time.monotonic()
        for event in batch.events:
            if isinstance(event, PlateHit):
                self.hits.setdefault(event.hit_id, now)
        if batch.first_seq <= self.newest[batch.lane] + 1:
            fresh = max(0, batch.last_seq - self.newest[batch.lane])
            self.newest[batch.lane] = max(self.newest[batch.lane], batch.last_seq)
            self.arrivals.append((now, fresh))

    async def _answer(self, message: Msg) -> None:
        self._epoch = WatermarkQuestion.model_validate_json(message.data).epoch
        await message.respond(self._receipt())

    def _receipt(self) -> bytes:
        told = Receipt(
            agent_id=AGENT_ID,
            epoch=self._epoch,
            watermarks=self.newest,
            issued_at=datetime.now(UTC),
            batch_schema=SCHEMA,
        )
        return seal(told, self.key)

    async def ask(self) -> None:
        """A request a second, answered at once by an agent whose link is free."""
        request = CropRequest(read_id="0" * 22).model_dump_json().encode()
        while True:
            began = time.monotonic()
            try:
                await self.client.request(subjects.command(AGENT_ID), request, timeout=REQUEST_SECONDS_MAX)
                self.answered.append(time.monotonic() - began)
            except nats.errors.Error:
                self.answered.append(REQUEST_SECONDS_MAX)
            await asyncio.sleep(REQUESTS_APART_SECONDS)


class NarrowSessions(Sessions):
    """Sessions whose two ends know each other only by a relay."""

    def __init__(self, client: Client, relay: Relay) -> None:
        limits = PullLimits()
        super().__init__(client, SystemClock(), answer_seconds=limits.answer_seconds, open_seconds=limits.open_seconds)
        self._relay = relay

    async def _answer(self, agent_id: str, offer: Offer) -> str:
        shown = offer.model_copy(update={"sdp": self._relay.introduce_hub(offer.sdp)})
        return self._relay.introduce_agent(await super()._answer(agent_id, shown))


class NarrowPuller(Puller):
    """Pulls through a relay."""

    def __init__(self, client: Client, archive: Archive, relay: Relay) -> None:
        super().__init__(client, archive)
        self._sessions = NarrowSessions(client, relay)


async def pull(hub: HubEnd, relay: Relay, folder: Path) -> None:
    """Want 10 GB, again and again."""
    puller = NarrowPuller(hub.client, await asyncio.to_thread(Archive, folder / "archive"), relay)
    while True:
        with contextlib.suppress(VigieError):
            await puller.pull(AGENT_ID, CLIP_ID, CLIP_BYTES, CLIP_SHA256)
        await asyncio.sleep(1)


@contextlib.asynccontextmanager
async def hub_end(port: int, authority: Path, key: AgentKey) -> AsyncIterator[HubEnd]:
    """Connected to the server itself, with a stream."""
    tls = await asyncio.to_thread(ssl.create_default_context, cafile=str(authority))
    client = await nats.connect(f"tls://127.0.0.1:{port}", tls=tls, tls_handshake_first=True)
    try:
        await client.jetstream().add_stream(name=subjects.STREAM, subjects=[subjects.STREAM_SUBJECTS])
        yield HubEnd(client, key)
    finally:
        await client.close()
