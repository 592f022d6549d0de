"""The hub's part of the contract in a few lines: stream, projector with a watermark per lane, signed receipts."""

import asyncio
import base64
import contextlib
import json
import secrets
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import nats
import nkeys
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.errors import NotFoundError

from vigie_agent.keys import AgentKey
from vigie_shared import subjects
from vigie_shared.batches import decode
from vigie_shared.enrolment import Membership
from vigie_shared.events import AnyEvent, Lane, StrangeEvent
from vigie_shared.receipts import Receipt, Signer, WatermarkQuestion, seal

HUB_SEED = nkeys.encode_seed(secrets.token_bytes(32), nkeys.PREFIX_BYTE_SERVER).decode()


def token(issued_at: datetime, days: float = 7) -> str:
    """As the hub makes them, but for the signature, which only nats-server looks at."""
    claims = {"iat": int(issued_at.timestamp()), "exp": int((issued_at + timedelta(days=days)).timestamp())}
    return f"x.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.x"


def membership(
    url: str,
    agent_id: str = "edge",
    *,
    more: tuple[str, ...] = (),
    issued_at: datetime | None = None,
    api_url: str = "http://127.0.0.1:1",
) -> Membership:
    """What an agent has from its enrolment at a hub on this machine."""
    return Membership(
        agent_id=agent_id,
        hub_key=AgentKey(HUB_SEED).public_key,
        token=token(issued_at or datetime.now(UTC)),
        nats_url=url,
        nats_urls_more=more,
        api_url=api_url,
        authority="",
    )


class TinyHub:
    """Its state is in memory and outlives its connection; `forget` makes it older."""

    def __init__(self, url: str, agent_id: str, signer: Signer | None = None) -> None:
        self._url = url
        self._agent_id = agent_id
        self._signer = signer or AgentKey(HUB_SEED)
        self._epoch = ""
        self.rows: dict[Lane, dict[int, AnyEvent | StrangeEvent]] = defaultdict(dict)
        self.doubles = 0
        self.batches = 0
        self.questions = 0
        self.heartbeats: list[bytes] = []
        self.changed = asyncio.Condition()

    def watermark(self, lane: Lane) -> int:
        """The highest sequence up to which all are here."""
        seq = 0
        while seq + 1 in self.rows[lane]:
            seq += 1
        return seq

    async def until(self, condition: Any) -> None:
        """Wait for a state of the hub."""
        async with self.changed:
            await self.changed.wait_for(condition)

    async def run(self) -> None:
        """Serve until cancelled, over as many restarts of nats-server as it takes."""
        while True:
            with contextlib.suppress(OSError, nats.errors.Error, NotFoundError, TimeoutError):
                client = await nats.connect(self._url, allow_reconnect=False, error_cb=_ignore)
                try:
                    await self._serve(client)
                finally:
                    await client.close()
            await asyncio.sleep(0.02)

    async def _serve(self, client: Client) -> None:
        stream = client.jetstream(timeout=2)
        await stream.add_stream(name=subjects.STREAM, subjects=[subjects.STREAM_SUBJECTS])
        await client.subscribe(subjects.ALL_WATERMARK_QUESTIONS, cb=self._answer)
        await client.subscribe(subjects.ALL_HEARTBEATS, cb=self._beat)
        pulled = await stream.pull_subscribe(subjects.STREAM_SUBJECTS, durable=subjects.DURABLE)
        while client.is_connected:
            try:
                messages = await pulled.fetch(20, timeout=1)
            except (NatsTimeoutError, TimeoutError):
                continue
            for message in messages:
                await self._take(message)
                await message.ack()
            await client.publish(subjects.watermark(self._agent_id), self.receipt())

    async def _take(self, message: Msg) -> None:
        _e, agent_id, lane = message.subject.split(".")
        batch = decode(message.data, agent_id=agent_id, lane=lane)
        self._epoch = batch.epoch
        async with self.changed:
            self.batches += 1
            if batch.first_seq <= self.watermark(batch.lane) + 1:
                for seq, event in enumerate(batch.events, batch.first_seq):
                    assert self.rows[batch.lane].setdefault(seq, event) == event, "one sequence, two events"
            self.changed.notify_all()

    async def _answer(self, message: Msg) -> None:
        question = WatermarkQuestion.model_validate_json(message.data)
        self._epoch = question.epoch
        async with self.changed:
            self.questions += 1
            self.changed.notify_all()
        await message.respond(self.receipt())

    async def _beat(self, message: Msg) -> None:
        async with self.changed:
            self.heartbeats.append(message.data)
            self.changed.notify_all()

    def receipt(self) -> bytes:
        """What is here, signed."""
        watermarks: dict[Lane, int] = {lane: self.watermark(lane) for lane in ("hlt", "lpr", "mot", "clip")}
        receipt = Receipt(
            agent_id=self._agent_id, epoch=self._epoch or "0" * 22, watermarks=watermarks, issued_at=datetime.now(UTC)
        )
        return seal(receipt, self._signer)

    async def say(self, payload: bytes) -> None:
        """Push something to the agent as if it were a receipt."""
        client = await nats.connect(self._url)
        await client.publish(subjects.watermark(self._agent_id), payload)
        await client.close()


async def _ignore(error: Exception) -> None:
    """The tests' own hub says nothing of what the tests do to it."""
