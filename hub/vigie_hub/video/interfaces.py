"""Which addresses aiortc offers: never loopback, so that two processes on a machine without a network never meet."""

import aioice.ice

_host_addresses = aioice.ice.get_host_addresses


def gather_loopback_where_alone() -> None:
    """From now on, gather 127.0.0.1 where the machine has no other address (aioice 0.13; idempotent)."""
    aioice.ice.get_host_addresses = _addresses_or_loopback


def _addresses_or_loopback(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    return _host_addresses(use_ipv4, use_ipv6) or ["127.0.0.1"]
