"""The receipt desk: takes the hub's signed word, asks for it where it fails to come, and turns back what was lost."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from vigie_agent.logs import FaultLog
from vigie_agent.store import Store
from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.uplink.lineage import Lineage
from vigie_agent.uplink.outbox import Outbox
from vigie_agent.uplink.wire_bytes import publish_bytes
from vigie_shared import subjects
from vigie_shared.batches import SCHEMA
from vigie_shared.errors import StoreError, WireError
from vigie_shared.events import Lane
from vigie_shared.receipts import Receipt, Verifier, WatermarkQuestion, unseal

log = structlog.get_logger(__name__)

ANSWER_SECONDS: Final = 5.0
ASK_SECONDS_MAX: Final = 120.0
INBOX: Final = "_" * 45
"""As long as nats-py's reply subjects, for the budget."""


class ReceiptDesk:
    """Owns the outbox's cursors; the publisher moves them forward, receipts say how far that counts."""

    def __init__(
        self,
        store: Store,
        agent_id: str,
        hub: Verifier,
        outbox: Outbox,
        *,
        ask_seconds: float,
        budget: LinkBudget | None = None,
        schema_max: int = SCHEMA,
    ) -> None:
        """Without a budget nothing limits what leaves. `schema_max`: the newest batches that this agent writes."""
        self._schema_max = schema_max
        self._budget = budget or LinkBudget.unlimited()
        self.outbox = outbox
        self.on_receipt: Callable[[], None] = lambda: None
        self.on_halt: Callable[[], None] = lambda: None
        """What was on its way is of no use: another epoch is to begin, or has begun."""
        self._store = store
        self._agent_id = agent_id
        self._hub = hub
        self._ask_seconds = ask_seconds
        self._ask_now = asyncio.Event()
        self._fault = FaultLog(log)
        self._last_issued_at: datetime | None = None
        self._lineage = Lineage(store)
        self._epochs_before: set[str] = set()

    async def run(self, client: Client, asked: asyncio.Event) -> None:
        """Take receipts until cancelled; sets `asked` once the hub was asked, answer or not."""
        subscription = await client.subscribe(subjects.watermark(self._agent_id), cb=self._on_push)
        try:
            await self._ask_for_ever(client, asked)
        finally:
            if not client.is_closed:
                await subscription.unsubscribe()

    def link_back(self) -> None:
        """The connection is back: what the hub has may differ from what we think."""
        self._ask_now.set()

    async def _ask_for_ever(self, client: Client, asked: asyncio.Event) -> None:
        """Ask at the start, after each reconnect, and while receipts stay behind.

        A lane that stands still between two answers was lost behind nats-server: it goes back.
        A lane that moves is only slow.
        """
        stuck: dict[Lane, int] = {}
        wait_seconds = self._ask_seconds
        while True:
            self._ask_now.clear()
            answered = await self._ask(client)
            asked.set()
            if not answered:
                wait_seconds = max(wait_seconds, self._ask_seconds)
            elif self._lineage.is_foreign:
                stuck, wait_seconds = {}, 0.0 if self._lineage.is_comparing else self._ask_seconds
            else:
                behind = self.outbox.unreceipted()
                lost = [lane for lane, seq in behind.items() if stuck.get(lane) == seq]
                for lane in lost:
                    log.warning(
                        "the hub lacks events that nats-server took: sending again", lane=lane, after=stuck[lane]
                    )
                    self.outbox.rewind(lane)
                stuck = {} if lost else behind
                wait_seconds = min(wait_seconds * 2, ASK_SECONDS_MAX) if lost else self._ask_seconds
                self.on_receipt()
            await self._until_question_is_due(answered, wait_seconds)

    async def _until_question_is_due(self, answered: bool, wait_seconds: float) -> None:
        while True:
            try:
                async with asyncio.timeout(wait_seconds):
                    await self._ask_now.wait()
                return
            except TimeoutError:
                if not answered or self._lineage.is_foreign or self.outbox.unreceipted():
                    return

    async def _ask(self, client: Client) -> bool:
        """Ask the hub where we are; False where nobody answers."""
        try:
            self.outbox.grow(await asyncio.to_thread(self._store.newest))
            oldest = await asyncio.to_thread(self._store.oldest)
            places = {lane: tuple(seqs) for lane, seqs in (await self._lineage.places()).items()}
            question = (
                WatermarkQuestion(epoch=self._store.epoch, oldest=oldest, marks=places).model_dump_json().encode()
            )
            subject = subjects.watermark_question(self._agent_id)
            await self._budget.take("heartbeat", publish_bytes(subject, len(question), INBOX))
            reply = await client.request(subject, question, timeout=ANSWER_SECONDS)
        except (nats.errors.Error, OSError, StoreError) as error:
            log.debug("the hub does not answer", reason=str(error) or type(error).__name__)
            return False
        _honour_cancellation()
        return await self._take(reply.data, pushed=False)

    async def _on_push(self, message: Msg) -> None:
        if await self._take(message.data, pushed=True):
            self.on_receipt()

    async def _take(self, payload: bytes, *, pushed: bool) -> bool:
        """Check a receipt and act on it; False where it is not the hub's, or not for us.

        An answer counts whatever its date; a pushed one may have been overtaken on the way.
        """
        try:
            receipt = unseal(payload, self._hub)
        except WireError as error:
            self._fault.report("receipt refused", reason=str(error))
            return False
        if receipt.agent_id == self._agent_id and receipt.epoch in self._epochs_before:
            return False
        if (receipt.agent_id, receipt.epoch) != (self._agent_id, self._store.epoch):
            self._fault.report("receipt refused", reason="it is for another agent or another epoch")
            return False
        if pushed and self._last_issued_at is not None and receipt.issued_at < self._last_issued_at:
            return True
        self._last_issued_at = receipt.issued_at
        if not pushed and await self._is_of_another_epoch(receipt):
            return True
        await self._act_on(receipt)
        if self._lineage.is_due(receipt.watermarks):
            self._ask_now.set()
        return True

    async def _is_of_another_epoch(self, receipt: Receipt) -> bool:
        """Whether the hub's events are not this store's, so that its word is not about them."""
        before = self._store.epoch
        try:
            has_begun = await self._lineage.feed(receipt)
        except StoreError as error:
            self._fault.report("cannot compare with the hub", reason=str(error))
            return True
        if has_begun:
            self._epochs_before.add(before)
            self.outbox.begin_epoch()
            self._ask_now.set()
        elif self._lineage.is_foreign:
            self.outbox.is_halted = True
        if has_begun or self._lineage.is_foreign:
            self.on_halt()
            self.on_receipt()
        return has_begun or self._lineage.is_foreign

    async def _act_on(self, receipt: Receipt) -> None:
        self.outbox.schema = min(self._schema_max, receipt.batch_schema)
        strange = self.outbox.receipt(receipt.watermarks)
        if strange:
            self._ask_now.set()  # the answer tells more than a receipt
        else:
            self._fault.clear("receipts are good again")
        known = {lane: seq for lane, seq in receipt.watermarks.items() if lane not in strange}
        try:
            await asyncio.wrap_future(self._store.note_receipt(self._lineage.trusted(known)))
        except StoreError as error:
            log.debug("receipt not noted", reason=str(error))


def _honour_cancellation() -> None:
    """Python 3.11's `wait_for`, within nats-py's `request`, loses a cancellation that meets the answer (gh-86296)."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
