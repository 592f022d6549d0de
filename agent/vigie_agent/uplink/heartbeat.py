"""The heartbeat: a sign of life with the health of cameras, store and link, kept nowhere, never behind an upload."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

import nats.errors
import structlog
from nats.aio.client import Client

from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.uplink.calm import calmed, is_news
from vigie_agent.uplink.wire_bytes import publish_bytes
from vigie_shared import subjects
from vigie_shared.errors import StoreError
from vigie_shared.heartbeat_deltas import HeartbeatWriter
from vigie_shared.heartbeats import Heartbeat

log = structlog.get_logger(__name__)

LOOK_SECONDS_MAX: Final = 10.0
"""How often to look for news that cannot wait for the next heartbeat."""
WHOLE_SECONDS: Final = 3600.0
"""How often all is said again, for a hub that was restarted."""
ROUNDING_SECONDS: Final = 0.05


class HeartbeatPlan:
    """What to say at each look, if anything: sans I/O, by the heartbeats' own times."""

    def __init__(self) -> None:
        self._writer = HeartbeatWriter()
        self._whole: Heartbeat | None = None
        self._told: Heartbeat | None = None

    def feed(self, beat: Heartbeat) -> bytes | None:
        """The payload to publish now; None where nothing is due."""
        if self._whole is None or self._told is None or _seconds(self._whole, beat) >= WHOLE_SECONDS:
            return self._say_whole(beat)
        due = _seconds(self._told, beat) >= beat.interval_seconds - ROUNDING_SECONDS
        if not due and not is_news(beat, self._told):
            return None
        payload = self._writer.delta(calmed(beat, self._whole))
        if payload is None:
            return self._say_whole(beat)
        self._told = beat
        return payload

    def unsaid(self) -> None:
        """What was to be published was not, or nobody may have heard it: say all again."""
        self._whole = None

    def _say_whole(self, beat: Heartbeat) -> bytes:
        self._whole = self._told = beat
        return self._writer.whole(beat)


class HeartbeatSender:
    """Publishes what `beat` says; `beat` may block and runs in a thread."""

    def __init__(self, beat: Callable[[], Heartbeat], budget: LinkBudget) -> None:
        self._beat = beat
        self._budget = budget
        self._plan = HeartbeatPlan()
        self._wanted = asyncio.Event()

    def say_all(self) -> None:
        """The hub asks for a whole heartbeat, now."""
        self._plan.unsaid()
        self._wanted.set()

    async def run(self, client: Client) -> None:
        """A heartbeat now, one each interval, and one for each piece of news, until cancelled."""
        self._plan.unsaid()
        reconnects = client.stats["reconnects"]
        while True:
            wait_seconds = 1.0
            try:
                if client.stats["reconnects"] != reconnects:
                    reconnects = client.stats["reconnects"]
                    self._plan.unsaid()
                healthy = await asyncio.to_thread(self._beat)
                heartbeat = healthy.model_copy(update={"link": self._budget.report()})
                wait_seconds = min(LOOK_SECONDS_MAX, heartbeat.interval_seconds)
                if (payload := self._plan.feed(heartbeat)) is not None:
                    subject = subjects.heartbeat(heartbeat.agent_id)
                    await self._budget.take("heartbeat", publish_bytes(subject, len(payload)))
                    await client.publish(subject, payload)
            except (nats.errors.Error, OSError, StoreError) as error:
                self._plan.unsaid()
                log.debug("heartbeat not sent", reason=str(error) or type(error).__name__)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_seconds):
                    await self._wanted.wait()
            self._wanted.clear()


def _seconds(earlier: Heartbeat, later: Heartbeat) -> float:
    """Time between two; a clock that went back counts as a long time."""
    seconds = (later.at - earlier.at).total_seconds()
    return seconds if seconds >= 0 else WHOLE_SECONDS
