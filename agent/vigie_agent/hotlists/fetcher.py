"""Brings lists from bucket `HL`: by direct get, at each connection, at each hint, and by the clock."""

import asyncio
import contextlib
import random
from collections.abc import Coroutine
from typing import Any, Final

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from pydantic import ValidationError

from vigie_agent.hotlists.lists import Hotlists
from vigie_agent.logs import FaultLog
from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.uplink.wire_bytes import publish_bytes
from vigie_shared import subjects
from vigie_shared.clock import Clock
from vigie_shared.errors import StoreError, WireError
from vigie_shared.hotlists.sealed import CATALOG_KEY, HINT, direct_get, head_key

log = structlog.get_logger(__name__)

ANSWER_SECONDS: Final = 30.0
"""A chunk takes two seconds of the slowest link, more where others wait."""
HERD_SECONDS: Final = 2.0
"""A hint reaches all agents at once; they ask within this time, each at its own."""
RECONNECT_LOOK_SECONDS: Final = 1.0
TRIES_MAX: Final = 3
_DOUBLINGS_MAX: Final = 5
"""What is not there is asked for after 2 s, at last every 32 s."""


class HotlistFetcher:
    """One for each connection's life (`uplink.Service`)."""

    def __init__(self, lists: Hotlists, budget: LinkBudget, clock: Clock, *, look_seconds: float) -> None:
        self._lists = lists
        self._budget = budget
        self._clock = clock
        self._look_seconds = look_seconds
        self._hinted = asyncio.Event()
        self._fault = FaultLog(log)

    async def run(self, client: Client) -> None:
        """Follow until cancelled."""
        if not self._lists.follows_all and not self._lists.list_ids:
            return
        await client.subscribe(subjects.hotlists_changed(), cb=self._on_hint)
        misses = 0
        while True:
            reconnects = client.stats["reconnects"]
            self._hinted.clear()
            fresh = await self.look(client)
            misses = 0 if fresh else min(misses + 1, _DOUBLINGS_MAX)
            pause = self._look_seconds if fresh else HERD_SECONDS * 2 ** (misses - 1)
            due = self._clock.monotonic_seconds() + pause
            while self._clock.monotonic_seconds() < due and client.stats["reconnects"] == reconnects:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(RECONNECT_LOOK_SECONDS):
                        await self._hinted.wait()
                if self._hinted.is_set():
                    await asyncio.sleep(random.uniform(0, HERD_SECONDS))  # noqa: S311
                    break

    async def look(self, client: Client) -> bool:
        """Bring every list up to what the bucket has; False where something should be tried again soon."""
        has_catalog = False
        if self._lists.follows_all:
            came = await self._tried("catalog", self._bring_catalog(client))
            if came is None:
                return False
            has_catalog = came
        fresh = True
        for list_id in self._lists.behind() if has_catalog else self._lists.list_ids:
            done = await self._tried(list_id, self._catch_up(client, list_id))
            if done is None or (done and has_catalog and self._lists.is_behind(list_id)):
                fresh = False
        return fresh

    async def _tried(self, name: str, bringing: Coroutine[Any, Any, bool]) -> bool | None:
        """What came of it; False where it was refused, which asking again will not mend, None where asking may."""
        try:
            done = await bringing
            self._fault.clear("hotlists come again")
        except WireError as error:
            self._fault.report("hotlist refused", list_id=name, reason=str(error))
            return False
        except StoreError as error:
            self._fault.report("hotlist not kept on the disk", list_id=name, reason=str(error))
            return False
        except (nats.errors.Error, TimeoutError, OSError) as error:
            log.debug("hotlist not brought", list_id=name, reason=str(error) or type(error).__name__)
            return None
        return done

    async def _bring_catalog(self, client: Client) -> bool:
        """Whether the hub says which lists there are; older ones do not."""
        catalog = await self._get(client, CATALOG_KEY)
        if catalog is not None:
            await asyncio.to_thread(self._lists.offer_catalog, catalog)
        return catalog is not None

    async def _catch_up(self, client: Client, list_id: str) -> bool:
        for _try in range(TRIES_MAX):
            head = await self._get(client, head_key(list_id))
            if head is None:
                return True  # the hub has no such list
            wanted = await asyncio.to_thread(self._lists.offer, list_id, head)
            while wanted is not None:
                value = await self._get(client, wanted)
                if value is None:  # the hub has made a whole list meanwhile
                    self._lists.give_up(list_id)
                    break
                wanted = await asyncio.to_thread(self._lists.feed, list_id, wanted, value)
            else:
                return True
        raise TimeoutError("the list changes faster than it comes")

    async def _get(self, client: Client, key: str) -> bytes | None:
        """A value of the bucket; None where there is none."""
        subject = direct_get(key)
        await self._budget.take("heartbeat", publish_bytes(subject, 0))
        reply = await client.request(subject, b"", timeout=ANSWER_SECONDS)
        if reply.headers and reply.headers.get("Status"):
            return None
        return reply.data

    async def _on_hint(self, message: Msg) -> None:
        try:
            told = HINT.validate_json(message.data)
        except ValidationError:
            told = {}
        if not told or not self._lists.has(told):
            self._hinted.set()
