"""The publisher: drains the store to the hub, and frees only what the hub has signed for (docs/design/delivery.md)."""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from pydantic import BaseModel, ValidationError

from vigie_agent.logs import FaultLog
from vigie_agent.store import OutboxRow, Store
from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.uplink.delivery_rate import Sent
from vigie_agent.uplink.forecast import Queued
from vigie_agent.uplink.hold import Hold
from vigie_agent.uplink.outbox import URGENT_LANES, Outbox
from vigie_agent.uplink.packing import Packer
from vigie_agent.uplink.settings import UplinkSettings
from vigie_agent.uplink.turns import RULES_SECONDS, Wish
from vigie_agent.uplink.wire_bytes import publish_bytes
from vigie_shared import subjects
from vigie_shared.batches import Batch, encode
from vigie_shared.clock import Clock
from vigie_shared.errors import StoreError
from vigie_shared.events import LANES, Lane
from vigie_shared.link import Priority

log = structlog.get_logger(__name__)

HOLD_SECONDS_MIN: Final = 0.5
HOLD_SECONDS_MAX: Final = 30.0
NO_RESPONDERS: Final = "503"
COMPANY_EVENTS: Final = 64
"""So many events do not wait for more."""
PAYLOAD_BYTES_MIN: Final = 256
PRIORITY_OF: Final[dict[Lane, Priority]] = {
    "hit": "hit",
    "hlt": "gap",
    "lpr": "read",
    "mot": "motion",
    "clip": "index",
    "crop": "crop",
}


class _AckError(BaseModel):
    description: str = ""


class _PubAck(BaseModel):
    """nats-server's answer to a message for a stream (JetStream API, PubAck)."""

    stream: str = ""
    error: _AckError | None = None


@dataclass(frozen=True)
class _Departure:
    """A batch that waits for its turn."""

    lane: Lane
    after: int
    last: int
    payload: bytes
    wish: Wish


class Publisher:
    """Serves one client at a time; the outbox outlives it."""

    def __init__(
        self,
        store: Store,
        agent_id: str,
        outbox: Outbox,
        settings: UplinkSettings,
        clock: Clock,
        budget: LinkBudget | None = None,
    ) -> None:
        """Without a budget nothing limits what leaves."""
        self._store = store
        self._agent_id = agent_id
        self._outbox = outbox
        self._settings = settings
        self._clock = clock
        self._budget = budget or LinkBudget.unlimited()
        self._packer = Packer()
        self._departure: _Departure | None = None
        self._queued: dict[Lane, Queued] = {}
        self._waiting_since: dict[Lane, float] = {}
        self._look_again_at: float | None = None
        self._wake = asyncio.Event()
        self._deadlines: dict[int, float] = {}
        self._in_air: dict[int, Sent] = {}
        self._held_until = 0.0
        self._hold = Hold(HOLD_SECONDS_MIN, HOLD_SECONDS_MAX)
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
            with contextlib.ExitStack() as stack:
                self._queued = {lane: stack.enter_context(self._budget.queue(PRIORITY_OF[lane])) for lane in LANES}
                while True:
                    self._wake.clear()
                    self._crash_overdue()
                    if client.is_connected:
                        await self._fill(client)
                    await self._sleep()
        finally:
            self._store.on_recorded(lambda: None)
            self.link_lost()
            if not client.is_closed:
                await acks.unsubscribe()

    def link_lost(self) -> None:
        """What was on its way has an unknown fate."""
        self._outbox.lose_link()
        self._hold.reset()
        self._deadlines.clear()
        self._stay()
        for number in list(self._in_air):
            self._lose(number)

    def wake(self) -> None:
        """Something changed: look again at what to send."""
        self._wake.set()

    async def _sleep(self) -> None:
        """Until something happens, a deadline passes, the hold ends, or a lane has waited long enough for company."""
        now = self._clock.monotonic_seconds()
        ends = list(self._deadlines.values())
        if self._held_until > now:
            ends.append(self._held_until)
        elif self._look_again_at is not None:
            ends.append(self._look_again_at)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, min(ends) - now) if ends else None):
                await self._wake.wait()

    async def _fill(self, client: Client) -> None:
        """Publish batches for as long as it is their turn."""
        try:
            await self._grow()
            while self._clock.monotonic_seconds() >= self._held_until:
                wanted = self._outbox.next_lane(self._ready_lanes())
                departure = self._departure
                if departure is not None and (departure.lane, departure.after) != wanted:
                    self._stay()  # something more urgent came, or the lane turned back
                elif wanted is None:
                    return
                elif departure is None:
                    await self._prepare(*wanted)
                elif departure.wish.is_granted:
                    await self._publish(client, departure)
                else:
                    return
        except StoreError as error:
            self._hold_on("cannot read the outbox", reason=str(error))
        except (nats.errors.Error, OSError) as error:
            self.link_lost()
            self._hold_on("cannot publish", reason=str(error) or type(error).__name__)

    async def _grow(self) -> None:
        """Hear of what the store has taken since."""
        epochs_begun = self._outbox.epochs_begun
        newest = await asyncio.to_thread(self._store.newest)
        if self._outbox.epochs_begun == epochs_begun:
            self._outbox.grow(newest)

    def _ready_lanes(self) -> list[Lane]:
        """Lanes that may use the link and have a batch's worth, or have waited long enough for company."""
        now, ready = self._clock.monotonic_seconds(), []
        self._look_again_at = None
        for lane in LANES:
            pending = self._outbox.newest(lane) - self._outbox.sent(lane)
            self._queued[lane].bytes = self._packer.expected_bytes(lane, pending)
            if not pending:
                self._waiting_since.pop(lane, None)
                continue
            until = self._waiting_since.setdefault(lane, now) + self._settings.linger_seconds
            if not self._budget.may_leave(PRIORITY_OF[lane]):
                until = now + RULES_SECONDS
            elif lane in URGENT_LANES or pending >= COMPANY_EVENTS or until <= now:
                ready.append(lane)
                continue
            self._look_again_at = min(until, self._look_again_at or until)
        return ready

    async def _prepare(self, lane: Lane, after: int) -> None:
        """Make the next batch of `lane` and ask for its turn."""
        epochs_begun = self._outbox.epochs_begun
        rows = await asyncio.to_thread(self._store.outbox_after, lane, after, self._settings.batch_events_max)
        if self._outbox.sent(lane) != after or self._outbox.epochs_begun != epochs_begun:
            return  # the lane turned back while the rows were read
        if not rows or rows[0].seq != after + 1:
            log.warning("the hub lacks events that are no longer kept here", lane=lane, after=after)
            self._outbox.skip(lane, rows[0].seq - 1 if rows else None)
            return
        self._outbox.grow({lane: rows[-1].seq})  # some may have come since `newest` was asked
        subject = subjects.events(self._agent_id, lane)
        headers = publish_bytes(subject, 0, self._reply_to(0))
        limit_bytes = max(PAYLOAD_BYTES_MIN, self._budget.chunk_bytes(self._settings.batch_bytes_max) - headers)
        count, payload = self._packer.pack(lane, rows, limit_bytes, lambda some: self._encoded(lane, some))
        size = publish_bytes(subject, len(payload), self._reply_to(0))
        wish = self._budget.ask(PRIORITY_OF[lane], size, self._wake.set, tracked=True)
        self._departure = _Departure(lane, after, rows[count - 1].seq, payload, wish)

    def _encoded(self, lane: Lane, rows: Sequence[OutboxRow]) -> bytes:
        batch = Batch(
            v=self._outbox.schema,
            agent_id=self._agent_id,
            epoch=self._store.epoch,
            lane=lane,
            first_seq=rows[0].seq,
            events=tuple(row.event for row in rows),
        )
        return encode(batch)

    async def _publish(self, client: Client, departure: _Departure) -> None:
        assert departure.wish.sent is not None
        self._departure = None
        flight = self._outbox.send(departure.lane, departure.last)
        self._deadlines[flight.number] = self._clock.monotonic_seconds() + self._settings.ack_seconds
        self._in_air[flight.number] = departure.wish.sent
        subject = subjects.events(self._agent_id, departure.lane)
        await client.publish(subject, departure.payload, reply=self._reply_to(flight.number))

    def _reply_to(self, number: int) -> str:
        return f"{subjects.inbox_prefix(self._agent_id)}.p.{number}"

    def _stay(self) -> None:
        """Give up a turn: what was to leave is prepared anew later."""
        if self._departure is not None:
            self._budget.withdraw(self._departure.wish)
            self._departure = None

    def _lose(self, number: int) -> None:
        if (sent := self._in_air.pop(number, None)) is not None:
            self._budget.lose(sent)

    async def _on_ack(self, message: Msg) -> None:
        number = int(message.subject.rsplit(".", 1)[1])
        self._deadlines.pop(number, None)
        if (sent := self._in_air.pop(number, None)) is not None:
            self._budget.land(sent)
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
            self._lose(number)
            if self._outbox.crash(number):
                self._hold_on("nats-server does not confirm events: they go out again")

    def _hold_on(self, message: str, **fields: object) -> None:
        now = self._clock.monotonic_seconds()
        self._held_until = now + self._hold.next_seconds(now)
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
