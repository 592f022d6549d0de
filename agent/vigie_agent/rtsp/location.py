"""An RTSP URL, taken apart: whom to call, as whom, and for what."""

from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import unquote, urljoin, urlsplit

from vigie_agent.rtsp.errors import ProtocolError, UnsupportedError

PORT: Final = 554


@dataclass(frozen=True, slots=True)
class Location:
    """Where a stream is; the password is in `password` and nowhere else."""

    host: str
    port: int
    target: str
    """The URL that requests carry: without user and password."""
    user: str | None = field(default=None, repr=False)
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read `url`; raises UnsupportedError for another scheme, ProtocolError for what is no URL."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise ProtocolError("not a URL") from None
        if parts.scheme.lower() != "rtsp":
            raise UnsupportedError(f"scheme {parts.scheme[:16]}")
        if not host or not url.isascii() or any(character <= " " for character in url):
            raise ProtocolError("not a URL")
        place = f"[{host}]" if ":" in host else host
        if port is not None:
            place += f":{port}"
        query = f"?{parts.query}" if parts.query else ""
        return cls(
            host=host,
            port=PORT if port is None else port,
            target=f"rtsp://{place}{parts.path or '/'}{query}",
            user=None if parts.username is None else unquote(parts.username),
            password=unquote(parts.password or ""),
        )

    def redirected(self, url: str) -> "Location":
        """Where a redirection leads; user and password go along to the same host only."""
        there = Location.parse(urljoin(self.target.replace("rtsp:", "http:", 1), url).replace("http:", "rtsp:", 1))
        if there.user is not None or there.host != self.host:
            return there
        return Location(there.host, there.port, there.target, self.user, self.password)


def control_url(base: str, control: str) -> str:
    """A media's own URL (RFC 2326 appendix C.1.1), joined as cameras mean it: queries stay in the middle."""
    if control in {"", "*"}:
        return base
    if control.lower().startswith(("rtsp://", "rtsps://")):
        return control
    return f"{base.rstrip('/')}/{control.lstrip('/')}"
