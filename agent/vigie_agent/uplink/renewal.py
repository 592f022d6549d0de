"""Keeps the agent's token young: daily over the bus, and over HTTPS once nats-server takes it no more."""

import asyncio
import random
from typing import Final

import nats.errors
import structlog
from nats.aio.client import Client

from vigie_agent import enrolment
from vigie_agent.capture.backoff import Backoff
from vigie_agent.credentials import Credentials
from vigie_agent.logs import FaultLog
from vigie_shared import subjects
from vigie_shared.clock import Clock
from vigie_shared.errors import CommandError, LinkError, SettingsError, VigieError, WireError

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 900.0
ANSWER_SECONDS: Final = 10.0
FIRST_SECONDS_MAX: Final = 5.0
"""A fleet that is back at once asks one by one."""
HTTPS_SECONDS: Final = (5.0, 300.0)
"""Bounds of the wait between two tries over HTTPS."""


class Renewal:
    """Renews the credentials of one agent."""

    def __init__(self, credentials: Credentials, clock: Clock) -> None:
        self._credentials = credentials
        self._clock = clock
        self._fault = FaultLog(log)
        self._backoff = Backoff(*HTTPS_SECONDS)
        self._not_before = 0.0

    async def run(self, client: Client) -> None:
        """Renew over the bus whenever it is time, until cancelled."""
        await asyncio.sleep(random.uniform(0, FIRST_SECONDS_MAX))  # noqa: S311
        while True:
            if self._credentials.is_due(self._clock.now()) and client.is_connected:
                await self._over_the_bus(client)
            await asyncio.sleep(LOOK_SECONDS)

    async def _over_the_bus(self, client: Client) -> None:
        subject = subjects.renewal(self._credentials.membership.agent_id)
        wish = self._credentials.wish().model_dump_json().encode()
        try:
            answer = await client.request(subject, wish, timeout=ANSWER_SECONDS)
            await asyncio.to_thread(self._credentials.take, answer.data)
            log.info("credentials renewed", until=self._credentials.membership.expires_at().isoformat())
        except (nats.errors.Error, OSError, WireError, SettingsError) as error:
            log.debug("credentials not renewed", reason=str(error) or type(error).__name__)

    async def refused(self) -> None:
        """nats-server refuses the token: is there a new one in the folder, does the hub give one, or are we revoked?"""
        try:
            if await asyncio.to_thread(self._credentials.look):
                return
            now = self._clock.monotonic_seconds()
            if now < self._not_before:
                return
            self._not_before = now + self._backoff.next_seconds()
            sealed = await asyncio.to_thread(enrolment.renew, self._credentials.membership, self._credentials.wish())
            await asyncio.to_thread(self._credentials.take, sealed)
        except CommandError as error:
            self._fault.report(
                "the hub has revoked this agent: ask for a new code there (vigie hub enrol), then: vigie agent enrol",
                public_key=self._credentials.key.public_key,
                reason=str(error),
            )
        except LinkError as error:
            self._fault.report("nats-server refuses this agent, and the hub cannot be asked why", reason=str(error))
        except VigieError as error:
            self._fault.report("credentials not renewed", reason=str(error))
        else:
            self._backoff.reset()
            self._not_before = 0.0
            self._fault.clear("this agent is known again")
            log.info("credentials renewed", until=self._credentials.membership.expires_at().isoformat())
