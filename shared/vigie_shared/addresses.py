"""Which addresses stay on this machine: beyond it nothing is said in the clear."""

import ipaddress
from urllib.parse import urlsplit

_SECURE: dict[str, str] = {"nats": "tls", "http": "https"}


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def plain_beyond_loopback(url: str) -> str | None:
    """The scheme that `url` needs instead, where it would be readable on the way; None where it is well."""
    parts = urlsplit(url)
    if parts.scheme in _SECURE and not is_loopback(parts.hostname or ""):
        return _SECURE[parts.scheme]
    return None
