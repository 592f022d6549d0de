"""The heartbeat: a sign of life with the health of cameras and store, kept nowhere, never behind an upload."""

import asyncio
from collections.abc import Callable

import nats.errors
import structlog
from nats.aio.client import Client

from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.uplink.wire_bytes import publish_bytes
from vigie_shared import subjects
from vigie_shared.errors import StoreError
from vigie_shared.heartbeats import Heartbeat

log = structlog.get_logger(__name__)


class HeartbeatSender:
    """Publishes what `beat` says; `beat` may block and runs in a thread."""

    def __init__(self, beat: Callable[[], Heartbeat], budget: LinkBudget) -> None:
        self._beat = beat
        self._budget = budget

    async def run(self, client: Client) -> None:
        """One heartbeat now and one each interval, until cancelled."""
        while True:
            wait_seconds = 1.0
            try:
                heartbeat = await asyncio.to_thread(self._beat)
                wait_seconds = heartbeat.interval_seconds
                subject, payload = subjects.heartbeat(heartbeat.agent_id), heartbeat.model_dump_json().encode()
                await self._budget.take("heartbeat", publish_bytes(subject, len(payload)))
                await client.publish(subject, payload)
            except (nats.errors.Error, OSError, StoreError) as error:
                log.debug("heartbeat not sent", reason=str(error) or type(error).__name__)
            await asyncio.sleep(wait_seconds)
