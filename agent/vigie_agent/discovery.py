"""The announcement by which a hub on the same network finds this agent; trust comes by enrolment only."""

import contextlib
import socket
from collections.abc import AsyncIterator, Sequence
from importlib.metadata import version
from typing import Final

import ifaddr
import structlog
from zeroconf import Error as ZeroconfError
from zeroconf import IPVersion, NonUniqueNameException
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

log = structlog.get_logger(__name__)

VERSION: Final = version("vigie-agent")
SERVICE_TYPE: Final = "_vigie-agent._tcp.local."
PORT: Final = 0
"""The agent listens nowhere: it dials out to the hub that enrolled it."""


def addresses_of(interfaces: Sequence[str]) -> list[str]:
    """IPv4 addresses of the interfaces that are given by name or address."""
    found: list[str] = []
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            if not isinstance(ip.ip, str):
                continue
            if adapter.nice_name in interfaces or ip.ip in interfaces:
                found.append(ip.ip)
    return found


def service_info(agent_id: str, public_key: str, addresses: Sequence[str]) -> AsyncServiceInfo:
    """What is announced."""
    return AsyncServiceInfo(
        SERVICE_TYPE,
        f"{agent_id}.{SERVICE_TYPE}",
        addresses=[socket.inet_aton(address) for address in addresses],
        port=PORT,
        properties={"agent_id": agent_id, "public_key": public_key, "version": VERSION},
        server=f"vigie-{agent_id}.local.",
    )


@contextlib.asynccontextmanager
async def announced(agent_id: str, public_key: str, interfaces: Sequence[str]) -> AsyncIterator[bool]:
    """Announce while inside; yields whether it worked. A network that refuses is one line in the log, never fatal.

    Without interfaces nothing is announced anywhere.
    """
    if not interfaces:
        log.info("not announced: discovery.interfaces names no network")
        yield False
        return
    addresses = addresses_of(interfaces)
    if not addresses:
        log.warning("not announced: no such interface has an IPv4 address", interfaces=list(interfaces))
        yield False
        return
    zeroconf: AsyncZeroconf | None = None
    working = False
    info = service_info(agent_id, public_key, addresses)
    try:
        zeroconf = AsyncZeroconf(interfaces=addresses, ip_version=IPVersion.V4Only)
        await (await zeroconf.async_register_service(info))
        working = True
    except NonUniqueNameException:
        log.error("not announced: another agent on this network has this id; give each its own", agent_id=agent_id)
    except (OSError, ZeroconfError) as error:
        log.warning("not announced: the network refuses multicast", reason=str(error) or type(error).__name__)
    try:
        yield working
    finally:
        if zeroconf is not None:
            await zeroconf.async_unregister_all_services()
            await zeroconf.async_close()
