"""The hub over its nats-server: is it fit, does it know who is revoked, who is connected?"""

import asyncio
import random
from typing import Final

import structlog

from vigie_hub.bus.connection import Connection
from vigie_hub.bus.system import System
from vigie_hub.bus.trust import Trust
from vigie_hub.database import Database
from vigie_hub.fleet.enrolment import recall, revocations
from vigie_hub.fleet.guard import Guard
from vigie_hub.fleet.presence import Presence
from vigie_hub.fleet.suspensions import suspensions
from vigie_shared.clock import Clock
from vigie_shared.errors import LinkError

log = structlog.get_logger(__name__)
_RETRY_SECONDS: Final = (0.5, 3.0)


async def push_account(system: System, database: Database, trust: Trust, clock: Clock, stream_bytes_max: int) -> None:
    """Tell nats-server whom to refuse, as the read model has it; it cuts them at once. Raises LinkError.

    Before, learn from it what a read model that was restored from a copy has forgotten.
    """
    now = clock.now()
    known = trust.revoked_in(await system.account_token())
    if known is None:
        log.warning("account_not_ours", advice="nats-server holds an account token that another operator signed")
    recalled = await database.write(lambda connection: recall(connection, known, now)) if known else []
    if recalled:
        log.warning(
            "revocations_recalled",
            agents=recalled,
            advice="nats-server knew that they are revoked and this database did not: was it restored from a copy?",
        )
    revoked = await database.read(lambda connection: revocations(connection, now))
    kept_out = await database.read(lambda connection: suspensions(connection, now))
    suspended = {one.public_key: one.at_seconds for one in kept_out}
    await system.update_account(trust.account_token(revoked, stream_bytes_max, suspended))


class Oversight:
    """Keeps the fleet's account at nats-server as the read model has it, through restarts of either."""

    def __init__(
        self,
        connection: Connection,
        system: System,
        database: Database,
        trust: Trust,
        clock: Clock,
        presence: Presence,
        guard: Guard,
        stream_bytes_max: int,
    ) -> None:
        self._connection = connection
        self._system = system
        self._database = database
        self._trust = trust
        self._clock = clock
        self._presence = presence
        self._guard = guard
        self._stream_bytes_max = stream_bytes_max
        self._due = asyncio.Event()
        self._is_new = True
        connection.on_broken = presence.link_lost
        connection.on_back = self._returned
        guard.on_changed = self._refusals_changed
        guard.whose = presence.whose

    async def run(self) -> None:
        """Oversee until cancelled; raises SettingsError where nats-server is not fit."""
        try:
            await self._connection.connect()
            async with asyncio.TaskGroup() as services:
                services.create_task(self._keep_account(), name="account")
                services.create_task(self._presence.run(), name="presence")
                services.create_task(self._guard.run(), name="guard")
        finally:
            await self._connection.close()

    async def enrolment_changed(self) -> None:
        """An agent was enrolled or revoked."""
        self._presence.keys_changed()
        self._due.set()

    async def _refusals_changed(self) -> None:
        self._due.set()

    async def _returned(self) -> None:
        self._is_new = True
        self._due.set()
        await self._presence.link_back()

    async def _keep_account(self) -> None:
        self._due.set()
        while True:
            await self._due.wait()
            self._due.clear()
            try:
                if self._is_new:
                    await self._system.check_server()
                    self._is_new = False
                await push_account(self._system, self._database, self._trust, self._clock, self._stream_bytes_max)
            except LinkError as error:
                log.warning("account_not_updated", reason=str(error))
                await asyncio.sleep(random.uniform(*_RETRY_SECONDS))  # noqa: S311
                self._due.set()
