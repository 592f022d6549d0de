"""Presence: nats-server says at once when an agent's connection comes and goes, so that heartbeats can be rare.

A connection that dies in silence is ended by the server's own pings, some 130 s later.
"""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, Literal

import structlog

from vigie_hub.bus.system import System
from vigie_hub.bus.traffic import Session
from vigie_hub.database import Database
from vigie_hub.fleet.registry import AgentStateChanged, Link, Registry
from vigie_shared.clock import Clock
from vigie_shared.errors import LinkError, StoreError

log = structlog.get_logger(__name__)
STORE_EVERY_SECONDS: Final = 0.25
RETRY_SECONDS: Final = 2.0
SURVEY_SECONDS: Final = 60.0
"""How often all connections are counted anew, in case an event was lost."""
STRANGER_SECONDS: Final = 5.0
"""A connection that nobody told of has them counted sooner, but not again within this time."""


class Sessions:
    """Which keys have connections; what happens while all are being counted counts too. Sans I/O."""

    def __init__(self) -> None:
        self._keys: dict[Session, str] = {}
        self._counts: Counter[str] = Counter()
        self._meanwhile: list[tuple[Session, str | None]] | None = None

    def came(self, key: str, session: Session) -> None:
        """A connection was made."""
        self._note(session, key)
        self._set(session, key)

    def went(self, session: Session) -> None:
        """A connection ended."""
        self._note(session, None)
        self._set(session, None)

    def begin_survey(self) -> None:
        """All connections are being counted from now on."""
        self._meanwhile = []

    def end_survey(self, found: Mapping[Session, str]) -> None:
        """They were counted; what happened since the beginning is newer."""
        self._keys, self._counts = dict(found), Counter(found.values())
        for session, key in self._meanwhile or []:
            self._set(session, key)
        self._meanwhile = None

    @property
    def keys(self) -> Mapping[Session, str]:
        """The key of each connection."""
        return self._keys

    def has(self, key: str) -> bool:
        """Whether this key has a connection."""
        return self._counts[key] > 0

    def count(self, key: str) -> int:
        """How many this key has."""
        return self._counts[key]

    def _set(self, session: Session, key: str | None) -> None:
        before = self._keys.pop(session, None)
        if before is not None:
            self._counts[before] -= 1
            if not self._counts[before]:
                del self._counts[before]
        if key is not None:
            self._keys[session] = key
            self._counts[key] += 1

    def _note(self, session: Session, key: str | None) -> None:
        if self._meanwhile is not None:
            self._meanwhile.append((session, key))


def forget(connection: sqlite3.Connection) -> None:
    """Nobody watches: heartbeats decide."""
    connection.execute("UPDATE agents SET link = NULL WHERE link IS NOT NULL")


def _store(connection: sqlite3.Connection, links: Mapping[str, Link]) -> None:
    rows = [(link, agent_id) for agent_id, link in links.items()]
    connection.executemany("UPDATE agents SET link = ? WHERE agent_id = ? AND public_key IS NOT NULL", rows)


class Presence:
    """Keeps the links in the registry and in the read model as nats-server tells them."""

    def __init__(
        self,
        system: System,
        database: Database,
        registry: Registry,
        clock: Clock,
        *,
        announce: Callable[[list[AgentStateChanged]], None],
        tell: Callable[[Literal["agents"]], None],
        came: Callable[[str, int], None] = lambda key, sessions: None,
    ) -> None:
        self._tell_came = came
        self._system = system
        self._database = database
        self._registry = registry
        self._clock = clock
        self._announce = announce
        self._tell = tell
        self._sessions = Sessions()
        self._stirred = asyncio.Event()
        self._stored: dict[str, Link] = {}
        self._watching = False
        self._survey_due = True
        self._surveyed_at = float("-inf")

    async def run(self) -> None:
        """Watch until cancelled."""
        await self._system.watch(self._came, self._went)
        while True:
            await self._look()
            try:
                async with asyncio.timeout(SURVEY_SECONDS):
                    await self._stirred.wait()
            except TimeoutError:
                self._survey_due = True
            self._stirred.clear()

    async def link_lost(self) -> None:
        """The connection to nats-server broke: what it said last says nothing any more."""
        self._watching = False
        self._stirred.set()

    async def link_back(self) -> None:
        """It is back: count anew."""
        self._survey_due = True
        self._stirred.set()

    def keys_changed(self) -> None:
        """Agents were enrolled or revoked: connections mean something else now."""
        self._stored = {}
        self._stirred.set()

    def whose(self, session: Session) -> str | None:
        """The key of a connection; of one that nobody told of it is soon asked for."""
        key = self._sessions.keys.get(session)
        if key is None and self._clock.monotonic_seconds() >= self._surveyed_at + STRANGER_SECONDS:
            self._survey_due = True
            self._stirred.set()
        return key

    def _came(self, key: str, session: Session) -> None:
        self._sessions.came(key, session)
        self._tell_came(key, self._sessions.count(key))
        self._settle(key)

    def _went(self, key: str, session: Session) -> None:
        self._sessions.went(session)
        self._settle(key)

    def _settle(self, key: str) -> None:
        """Bring one agent up to date in the registry: the edge is seen here, within milliseconds."""
        agent_id = self._registry.agent_with(key)
        if agent_id is not None and self._watching:
            self._announce(self._registry.linked({agent_id: self._link(key)}, self._clock.now()))
            self._stirred.set()

    async def _look(self) -> None:
        try:
            if self._survey_due:
                await self._survey()
            self._settle_all()
            await self._keep()
        except (LinkError, StoreError) as error:
            log.debug("presence_unknown", reason=str(error))
            self._stirred.set()  # look again
            await asyncio.sleep(RETRY_SECONDS)
        await asyncio.sleep(STORE_EVERY_SECONDS)

    async def _survey(self) -> None:
        self._sessions.begin_survey()
        self._surveyed_at = self._clock.monotonic_seconds()
        found = await self._system.sessions(self._sessions.keys)
        self._sessions.end_survey(found)
        self._survey_due = False
        self._watching = True

    def _settle_all(self) -> None:
        self._announce(self._registry.linked(self._links(), self._clock.now()))

    def _links(self) -> dict[str, Link | None]:
        keys = self._registry.keys()
        if not self._watching:
            return dict.fromkeys(keys)
        return {agent_id: self._link(key) for agent_id, key in keys.items()}

    def _link(self, key: str) -> Link:
        return "up" if self._sessions.has(key) else "down"

    async def _keep(self) -> None:
        """Write what changed; links that nobody watches are forgotten all at once."""
        links = {agent_id: link for agent_id, link in self._links().items() if link is not None}
        changed = {agent_id: link for agent_id, link in links.items() if self._stored.get(agent_id) != link}
        if self._stored and not links:
            await self._database.write(forget)
        elif changed:
            await self._database.write(lambda connection: _store(connection, changed))
        else:
            return
        self._stored = links
        self._tell("agents")
