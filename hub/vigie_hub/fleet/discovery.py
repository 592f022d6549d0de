"""Looks for agents that announce themselves on the local network (mDNS, RFC 6762; DNS-SD, RFC 6763).

An announcement is `<agent_id>._vigie-agent._tcp.local.` with TXT `agent_id` and `public_key`. Anyone can announce
anything: it is a hint for the operator, and enrols nobody.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import ifaddr
import structlog
from zeroconf import IPVersion, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from vigie_hub.database import Database, iso
from vigie_shared.clock import Clock
from vigie_shared.errors import StoreError, WireError
from vigie_shared.ids import is_name
from vigie_shared.keys import raw_public_key

log = structlog.get_logger(__name__)
SERVICE_TYPE: Final = "_vigie-agent._tcp.local."
HINTS_MAX: Final = 512
"""Agents that are known by announcement alone; the oldest goes first."""
_QUEUE_MAX: Final = 256
_ANSWER_MS: Final = 3000


def addresses_of(interfaces: Sequence[str]) -> list[str]:
    """IPv4 addresses of the interfaces that are given by name or address."""
    return [
        ip.ip
        for adapter in ifaddr.get_adapters()
        for ip in adapter.ips
        if isinstance(ip.ip, str) and (adapter.nice_name in interfaces or ip.ip in interfaces)
    ]


def read_announcement(properties: dict[str, str | None]) -> tuple[str, str | None] | None:
    """Agent id and claimed key in an announcement's TXT record; None where it makes no sense."""
    agent_id = properties.get("agent_id") or ""
    if not is_name(agent_id):
        return None
    key = properties.get("public_key")
    try:
        usable = key is not None and key.startswith("U") and bool(raw_public_key(key))
    except WireError:
        usable = False
    return agent_id, key if usable else None


def note(connection: sqlite3.Connection, agent_id: str, public_key: str | None, at: datetime) -> bool:
    """Keep a hint; True where the agent is new to the hub."""
    known = connection.execute("SELECT 1 FROM agents WHERE agent_id = ?", (agent_id,)).fetchone()
    connection.execute(
        "INSERT INTO agents (agent_id, discovered_at, discovered_key) VALUES (?, ?, ?)"
        " ON CONFLICT (agent_id) DO UPDATE SET"
        " discovered_at = excluded.discovered_at, discovered_key = excluded.discovered_key",
        (agent_id, iso(at), public_key),
    )
    connection.execute(
        "DELETE FROM agents WHERE public_key IS NULL AND revoked_at IS NULL AND agent_id NOT IN"
        " (SELECT agent_id FROM agents WHERE public_key IS NULL AND revoked_at IS NULL"
        " ORDER BY discovered_at DESC LIMIT ?)",
        (HINTS_MAX,),
    )
    return known is None


class Discovery:
    """Browses on the given interfaces, by name or address, and on no other."""

    def __init__(self, database: Database, clock: Clock, interfaces: Sequence[str]) -> None:
        self._database = database
        self._clock = clock
        self._interfaces = interfaces
        self._heard: asyncio.Queue[str] = asyncio.Queue(_QUEUE_MAX)

    async def run(self) -> None:
        """Browse until cancelled; without a usable interface, say so and end: enrolment needs no announcement."""
        addresses = await asyncio.to_thread(addresses_of, self._interfaces)
        if not addresses:
            log.warning("discovery_off", interfaces=list(self._interfaces), reason="none has an IPv4 address")
            return
        try:
            zeroconf = AsyncZeroconf(interfaces=addresses, ip_version=IPVersion.V4Only)
        except OSError as error:
            log.warning("discovery_off", interfaces=list(self._interfaces), reason=str(error))
            return
        try:
            browser = AsyncServiceBrowser(zeroconf.zeroconf, SERVICE_TYPE, handlers=[self._changed])
            try:
                while True:
                    await self._ask(zeroconf.zeroconf, await self._heard.get())
            finally:
                await asyncio.shield(browser.async_cancel())
        finally:
            await asyncio.shield(zeroconf.async_close())

    def _changed(self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        if state_change is ServiceStateChange.Removed:
            return
        try:
            self._heard.put_nowait(name)
        except asyncio.QueueFull:
            log.debug("announcement_dropped", reason="too many at once; each is repeated")

    async def _ask(self, zeroconf: Zeroconf, name: str) -> None:
        info = AsyncServiceInfo(SERVICE_TYPE, name)
        if not await info.async_request(zeroconf, _ANSWER_MS):
            return
        announced = read_announcement(info.decoded_properties)
        if announced is None:
            log.debug("announcement_refused", reason="no valid agent_id")
            return
        agent_id, key = announced
        now = self._clock.now()
        try:
            if await self._database.write(lambda connection: note(connection, agent_id, key, now)):
                log.info("agent_discovered", agent_id=agent_id)
        except StoreError as error:  # it announces itself again
            log.error("announcement_not_stored", reason=str(error))
