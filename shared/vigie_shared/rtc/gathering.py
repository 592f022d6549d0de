"""Candidates from all STUN and TURN servers that are named; aioice 0.13 asks one of each.

So where UDP is blocked, the relay by UDP that was named first costs five seconds, and the one by TLS that was named
second is never asked. It also knows no authority but the machine's, and no server with an IPv6 address; and it closes
no connection before its relay has confirmed that it is no longer needed: a minute, where the way to it is gone.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from itertools import product
from typing import Final

from aioice.candidate import Candidate
from aioice.ice import Connection, StunProtocol, TransportPolicy, relayed_candidate, server_reflexive_candidate

from vigie_shared.ice import IceAddress, IceServer

GATHER_SECONDS: Final = 5.0
GRACE_SECONDS: Final = 0.5
"""Once there is a relay, whatever way there is can be found: nobody waits longer than this for the rest."""
LET_GO_SECONDS: Final = 0.5
_LOOPBACK: Final = "127.0.0.1"
_LESS_LIKED: Final = {("udp", False): 0, ("tcp", False): 1, ("tcp", True): 2}
"""A relay that is reached by TCP delays everything behind what was lost (RFC 8445 §5.1.2.2)."""

_Found = tuple[Candidate, StunProtocol | None]


class Gathering:
    """Takes the place of one connection's own gathering."""

    def __init__(self, ice: Connection, servers: Sequence[IceServer]) -> None:
        self._ice = ice
        self._gather_hosts = ice.get_component_candidates
        self._servers = [(IceAddress.parse(server.url), server) for server in servers]
        setattr(ice, "get_component_candidates", self._gather)  # noqa: B010 - mypy knows methods, not that they go

    async def _gather(self, component: int, addresses: list[str], _timeout: int = 5) -> list[Candidate]:
        """Loopback too where the machine has no other address: aioice alone never offers it."""
        is_alone = not addresses and self._ice._transport_policy == TransportPolicy.ALL
        known = len(self._ice._protocols)
        candidates = await self._gather_hosts(component, [_LOOPBACK] if is_alone else addresses)
        hosts = self._ice._protocols[known:]
        seen = {(candidate.host, candidate.port) for candidate in candidates}
        for candidate, protocol in await self._asked(component, hosts):
            if protocol is not None:
                self._ice._protocols.append(protocol)
            if (candidate.host, candidate.port) not in seen:
                seen.add((candidate.host, candidate.port))
                candidates.append(candidate)
        return candidates

    async def _asked(self, component: int, hosts: list[StunProtocol]) -> list[_Found]:
        by_v4 = [host for host in hosts if ":" not in (host.local_candidate.host or "")]
        reflexive = [
            asyncio.create_task(_reflexive(host, address))
            for host, (address, _server) in product(by_v4, self._servers)
            if address.kind == "stun" and not address.is_secure
        ]
        relayed = [
            asyncio.create_task(self._relayed(component, address, server))
            for address, server in self._servers
            if address.kind == "turn" and (address.transport, address.is_secure) in _LESS_LIKED
        ]
        return await _answers(reflexive, relayed) if reflexive or relayed else []

    async def _relayed(self, component: int, address: IceAddress, server: IceServer) -> _Found:
        candidate, protocol = await relayed_candidate(
            component=component,
            hide_related_address=self._ice._transport_policy == TransportPolicy.RELAY,
            protocol_factory=lambda: StunProtocol(self._ice),
            turn_server=(address.host, address.port),
            turn_username=server.username,
            turn_password=server.credential,
            turn_ssl=await asyncio.to_thread(_believing, server.authority) if address.is_secure else False,  # type: ignore[arg-type]
            turn_transport=address.transport,
        )
        _let_go_soon(protocol)
        candidate.priority -= _LESS_LIKED[address.transport, address.is_secure] << 8
        return candidate, protocol


async def _reflexive(host: StunProtocol, address: IceAddress) -> _Found:
    return await server_reflexive_candidate(host, (address.host, address.port))


async def _answers(reflexive: list[asyncio.Task[_Found]], relayed: list[asyncio.Task[_Found]]) -> list[_Found]:
    """What came in time; who did not answer is asked no more."""
    tasks = [*reflexive, *relayed]
    loop = asyncio.get_running_loop()
    until = loop.time() + GATHER_SECONDS
    try:
        while (pending := [task for task in tasks if not task.done()]) and (wait := until - loop.time()) > 0:
            await asyncio.wait(pending, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
            if any(map(_has_come, relayed)):
                until = min(until, loop.time() + GRACE_SECONDS)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return [task.result() for task in tasks if _has_come(task)]


def _let_go_soon(relayed: StunProtocol) -> None:
    """The relay is told that it is not needed any more, but nobody waits for long; it forgets by itself."""
    turn = relayed.transport._TurnTransport__inner_protocol  # type: ignore[attr-defined]
    delete = turn.delete

    async def delete_and_abort() -> None:
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LET_GO_SECONDS):
                    await delete()
        finally:
            turn.transport.abort()  # TLS that is closed in order waits half a minute for the other side's word

    turn.delete = delete_and_abort


def _has_come(task: asyncio.Task[_Found]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


def _believing(authority: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=authority)
