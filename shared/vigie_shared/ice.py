"""STUN and TURN servers: their addresses, and credentials that last hours (coturn's `use-auth-secret`).

The user's name is `<unix time of expiry>:<who>`, the credential the HMAC-SHA1 of that name under a secret that the TURN
server and the hub share (draft-uberti-behave-turn-rest-00): nobody else can make one, and each ends by itself.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from vigie_shared.i18n import gettext as _

ICE_SERVERS_MAX: Final = 8
AUTHORITY_CHARS_MAX: Final = 16_384
CREDENTIALS_LAST: Final = timedelta(hours=8)
_URL: Final = re.compile(
    r"(?P<scheme>stuns?|turns?):(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\s?,;<>\"\[\]:/@]+))(?::(?P<port>[0-9]{1,5}))?"
    r"(?:\?transport=(?P<transport>udp|tcp))?"
)


@dataclass(frozen=True, slots=True)
class IceAddress:
    """Where a server is, and how it is spoken to."""

    kind: Literal["stun", "turn"]
    host: str
    port: int
    transport: Literal["udp", "tcp"]
    is_secure: bool

    @classmethod
    def parse(cls, url: str) -> "IceAddress":
        """Of an address by RFC 7064 or RFC 7065; raises ValueError."""
        found = _URL.fullmatch(url)
        if found is None or (found["transport"] and found["scheme"].startswith("stun")):
            raise ValueError(_("“{url}” is no address of a STUN or TURN server").format(url=url))
        is_secure = found["scheme"].endswith("s")
        port = int(found["port"] or (5349 if is_secure else 3478))
        if not 0 < port < 1 << 16:
            raise ValueError(_("“{url}” is no address of a STUN or TURN server").format(url=url))
        return cls(
            kind="turn" if found["scheme"].startswith("turn") else "stun",
            host=found["v6"] or found["host"],
            port=port,
            transport=found["transport"] or ("tcp" if is_secure else "udp"),  # type: ignore[arg-type]
            is_secure=is_secure,
        )


def _checked(url: str) -> str:
    IceAddress.parse(url)
    return url


IceUrl = Annotated[str, StringConstraints(max_length=200), AfterValidator(_checked)]
"""`stun:host:port`, `turn:[v6]:port?transport=udp`, `turns:host:port?transport=tcp` (RFC 7064, RFC 7065)."""


class IceServer(BaseModel):
    """One server as an end of a connection uses it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    url: IceUrl
    username: str | None = Field(default=None, max_length=200)
    credential: str | None = Field(default=None, max_length=200, repr=False)
    authority: str | None = Field(default=None, max_length=AUTHORITY_CHARS_MAX, repr=False)
    """Whom to believe about a server by TLS, PEM; none: whom the machine believes."""


@dataclass(frozen=True, slots=True)
class IceServers:
    """The servers that a hub names to agents and viewers; with a secret, TURN gets credentials that end after 8 h."""

    urls: tuple[str, ...] = ()
    secret: str | None = None
    authority: str | None = None

    def given_to(self, who: str, now: datetime) -> tuple[IceServer, ...]:
        """For one connection of `who`, an agent's or a viewing's id."""
        servers = with_credentials(self.urls, self.secret, who, now + CREDENTIALS_LAST)
        return tuple(
            server.model_copy(update={"authority": self.authority})
            if IceAddress.parse(server.url).is_secure
            else server
            for server in servers
        )


def with_credentials(urls: Sequence[str], secret: str | None, user: str, expires_at: datetime) -> tuple[IceServer, ...]:
    """The servers at `urls`; those of TURN with credentials of `user` until `expires_at`, where there is a secret."""
    name = f"{int(expires_at.timestamp())}:{user}"
    return tuple(
        IceServer(url=url)
        if secret is None or not url.startswith("turn")
        else IceServer(url=url, username=name, credential=turn_credential(secret, name))
        for url in urls
    )


def turn_credential(secret: str, username: str) -> str:
    """What proves `username` to a TURN server that knows `secret`."""
    return base64.b64encode(hmac.digest(secret.encode(), username.encode(), hashlib.sha1)).decode()
