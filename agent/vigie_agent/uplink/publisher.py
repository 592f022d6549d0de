"""The publisher: drains the store to the hub, and frees only what the hub has signed for (docs/design/delivery.md)."""

import asyncio
import json
from typing import Final

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from pydantic import BaseModel, ValidationError

from vigie_agent.capture.backoff import Backoff
from vigie_agent.logs import FaultLog
from vigie_agent.store import OutboxRow, Store
from vigie_agent.uplink.outbox import Outbox
from vigie_agent.uplink.settings import UplinkSettings
from vigie_shared import subjects
from vigie_shared.batches import Batch, encode
from vigie_shared.clock import Clock
from vigie_shared.errors import StoreError
from vigie_shared.events import Lane

log = structlog.get_logger(__name__)

HOLD_SECONDS_FIRST: Final = 0.5
HOLD_SECONDS_MAX: Final = 30.0
NO_RESPONDERS: Final = "503"


class _AckError(BaseModel):
    description: str = ""


class _PubAck(BaseModel):
    """nats-server's answer to a message for a stream (JetStream API, PubAck)."""

    stream: str = ""
    error: _AckError | None = None


class Publisher:
    """Serves one client at a time; the outbox outlives it."""

    def __init__(self, store: Store, agent_id: str, outbox: Outbox, settings: UplinkSettings, clock: Clock) -> None:
        self._store = store
        self._agent_id = agent_id
        self._outbox = outbox
        self._settings = settings
        self._clock = clock
        self._wake = asyncio.Event()
        self._deadlines: dict[int, float] = {}
        self._held_until = 0.0
        self._hold = Backoff(HOLD_SECONDS_FIRST, HOLD_SECONDS_MAX)
        self._fault = FaultLog(log)

    async def run(self, client: Client) -> None:
        """Send what the store holds and what comes, until cancelled."""
        loop = asyncio.get_running_loop()
        self.link_lost()
        acks = await client.subscribe(f"{subjects.inbox_prefix(self._agent_id)}.p.*", cb=self._on_ack)

        def recorded() -> None:
            loop.call_soon_threadsafe(self._wake.set)

        self._store.on_recorded(recorded)
        try:
            while True:
                self._wake.clear()
                self._crash_overdue()
                if client.is_connected:
                    await self._fill(client)
                await self._sleep()
        finally:
            self._store.on_recorded(lambda: None)
            if not client.is_closed:
                await acks.unsubscribe()

    def link_lost(self) -> None:
        """What was on its way has an unknown fate."""
        self._outbox.lose_link()
        self._deadlines.clear()

    def wake(self) -> None:
        """Something changed: look again at what to send."""
        self._wake.set()

    async def _sleep(self) -> None:
        """Until something happens, a deadline passes, or the hold ends; then linger for company."""
        now = self._clock.monotonic_seconds()
        ends = list(self._deadlines.values())
        if self._held_until > now:
            ends.append(self._held_until)
        try:
            async with asyncio.timeout(max(0.0, min(ends) - now) if ends else None):
                await self._wake.wait()
        except TimeoutError:
            return
        if self._outbox.next_lane() is None:
            await asyncio.sleep(self._settings.linger_seconds)

    async def _fill(self, client: Client) -> None:
        """Publish batches until enough are on their way."""
        try:
            self._outbox.grow(await asyncio.to_thread(self._store.newest))
            while self._clock.monotonic_seconds() >= self._held_until and (wanted := self._outbox.next_lane()):
                lane, after = wanted
                rows = await asyncio.to_thread(self._store.outbox_after, lane, after, self._settings.batch_events_max)
                if self._outbox.next_lane() != wanted:
                    continue  # the lane turned back while the rows were read
                if not rows or rows[0].seq != after + 1:
                    log.warning("the hub lacks events that are no longer kept here", lane=lane, after=after)
                    self._outbox.skip(lane, rows[0].seq - 1 if rows else None)
                    continue
                self._outbox.grow({lane: rows[-1].seq})  # some may have come since `newest` was asked
                await self._publish(client, lane, self._cut(rows))
        except StoreError as error:
            self._hold_on("cannot read the outbox", reason=str(error))
        except (nats.errors.Error, OSError) as error:
            self.link_lost()
            self._hold_on("cannot publish", reason=str(error) or type(error).__name__)

    def _cut(self, rows: list[OutboxRow]) -> list[OutboxRow]:
        """As many rows as fit in a message, one at least."""
        total = 0
        for count, row in enumerate(rows):
            total += row.size_bytes
            if count and total > self._settings.batch_bytes_max:
                return rows[:count]
        return rows

    async def _publish(self, client: Client, lane: Lane, rows: list[OutboxRow]) -> None:
        batch = Batch(
            v=1,
            agent_id=self._agent_id,
            epoch=self._store.epoch,
            lane=lane,
            first_seq=rows[0].seq,
            events=tuple(row.event for row in rows),
        )
        flight = self._outbox.send(lane, batch.last_seq)
        self._deadlines[flight.number] = self._clock.monotonic_seconds() + self._settings.ack_seconds
        reply = f"{subjects.inbox_prefix(self._agent_id)}.p.{flight.number}"
        await client.publish(subjects.events(self._agent_id, lane), encode(batch), reply=reply)

    async def _on_ack(self, message: Msg) -> None:
        number = int(message.subject.rsplit(".", 1)[1])
        self._deadlines.pop(number, None)
        if refusal := _refusal(message):
            if self._outbox.crash(number):
                self._hold_on("nats-server did not take events: they wait", reason=refusal)
        elif self._outbox.land(number):
            self._hold.reset()
            self._fault.clear("nats-server takes events again")
        self._wake.set()

    def _crash_overdue(self) -> None:
        now = self._clock.monotonic_seconds()
        for number in [number for number, deadline in self._deadlines.items() if deadline <= now]:
            del self._deadlines[number]
            if self._outbox.crash(number):
                self._hold_on("nats-server does not confirm events: they go out again")

    def _hold_on(self, message: str, **fields: object) -> None:
        self._held_until = self._clock.monotonic_seconds() + self._hold.next_seconds()
        self._fault.report(message, **fields)


def _refusal(message: Msg) -> str | None:
    """Why nats-server did not take a batch; None where it did."""
    if message.headers and message.headers.get("Status") == NO_RESPONDERS:
        return f"no stream {subjects.STREAM} yet"
    try:
        ack = _PubAck.model_validate(json.loads(message.data))
    except (ValueError, ValidationError):
        return "an answer that is none"
    return ack.error.description or "refused" if ack.error else None
