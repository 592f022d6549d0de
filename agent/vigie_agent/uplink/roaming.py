"""A box that gets another address, or a server that does: the connection to nats-server follows at once.

```
rtnetlink: something changed ─→ which way leads to nats-server now? ─┬─ another one, or our address is gone ─→ dial anew
                                                                    └─ perhaps the same as before ─→ ask ──┐
a video session broke ─────────────────────────────────────────────────────────────────────────────→ ask ──┤
                                                            PING: no answer, nothing acknowledged ─→ dial anew
```

Without it the kernel gives a dead way up 30 s after the next heartbeat (`uplink/wire.py`).
"""

import asyncio
import contextlib
from enum import Enum
from typing import Final

import nats.errors
import structlog
from nats.aio.client import Client

from vigie_agent.uplink.connection import Connection
from vigie_agent.uplink.routes import Routes, is_here
from vigie_agent.uplink.way import Way
from vigie_agent.uplink.wire import Wire

log = structlog.get_logger(__name__)

PATIENCE_SECONDS: Final = 2.0
PATIENCE_ROUND_TRIPS: Final = 2.0
"""On top, so that a PING that is lost once on a link of two seconds still comes in time."""
SETTLE_SECONDS: Final = 0.1
"""Changes come in bursts; one look for all of them."""
_PONG_SECONDS: Final = 3600
"""nats-py 2.16 stops reading where a PONG comes for which nobody waits any more: somebody always does."""


class Verdict(Enum):
    """What to do about a connection after something changed."""

    FINE = "fine"
    ASK = "ask"
    DIAL = "dial"


class Roamer:
    """Judges a connection by the ways that led to its server: sans I/O."""

    def __init__(self, way: Way | None) -> None:
        self._way = way
        self._was_cut = way is None

    def judge(self, way: Way | None, *, has_address: bool) -> Verdict:
        """`way` leads there now, None where none does; whether the address that the connection has is still here."""
        before = self._way
        if way is None:  # nothing can be dialled; what there is may yet go on
            self._was_cut = True
            return Verdict.FINE
        was_cut, self._way, self._was_cut = self._was_cut, way, False
        if not has_address or before is None or way.interface != before.interface:
            return Verdict.DIAL
        return Verdict.ASK if was_cut or way != before else Verdict.FINE


def patience_seconds(round_trip_seconds: float) -> float:
    """How long nats-server may take to answer."""
    return PATIENCE_SECONDS + PATIENCE_ROUND_TRIPS * round_trip_seconds


class Roaming:
    """Serves one client after another, beside the other services."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._doubted = asyncio.Event()

    def doubt(self) -> None:
        """Something that uses the same network broke: is nats-server still there?"""
        self._doubted.set()

    async def run(self, client: Client) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._ask_when_doubted(client))
            group.create_task(self._watch(client))

    async def _ask_when_doubted(self, client: Client) -> None:
        while True:
            await self._doubted.wait()
            self._doubted.clear()
            if client.is_connected and await is_silent(client):
                log.info("nats-server does not answer: dialling anew")
                await self._connection.redial(elsewhere=True)

    async def _watch(self, client: Client) -> None:
        try:
            with Routes.opened() as routes:
                await self._follow(client, routes)
        except OSError as error:
            log.debug("a changed address is noticed by silence alone", reason=str(error))

    async def _follow(self, client: Client, routes: Routes) -> None:
        peer, roamer = "", Roamer(None)
        while True:
            wire = Wire.of(client) if client.is_connected else None
            if wire is not None and wire.peer != peer:
                peer, roamer = wire.peer, Roamer(routes.way_to(wire.peer))
            verdict = roamer.judge(routes.way_to(peer), has_address=wire is None or is_here(wire.local))
            if verdict is Verdict.DIAL or (verdict is Verdict.ASK and wire is None):
                log.info("the way to nats-server is another one: dialling anew")
                await self._connection.redial()
            elif verdict is Verdict.ASK:
                self.doubt()
            await routes.changed()
            await asyncio.sleep(SETTLE_SECONDS)


async def is_silent(client: Client) -> bool:
    """Whether nats-server answers no PING, and acknowledges nothing else either, for as long as it may take."""
    asking = asyncio.create_task(_pong(client))
    try:
        while (wire := Wire.of(client)) is not None and client.is_connected:
            acked_bytes = wire.acked_bytes
            done, _waiting = await asyncio.wait([asking], timeout=patience_seconds(wire.round_trip_seconds))
            if done:
                return False
            if wire.acked_bytes == acked_bytes:
                return client.is_connected
        return False
    finally:
        asking.cancel()


async def _pong(client: Client) -> None:
    with contextlib.suppress(nats.errors.Error, OSError):
        await client.flush(timeout=_PONG_SECONDS)
