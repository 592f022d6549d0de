"""STUN and TURN servers: their addresses, and credentials that last hours (coturn's `use-auth-secret`).

The user's name is `<unix time of expiry>:<who>`, the credential the HMAC-SHA1 of that name under a secret that the TURN
server and the hub share (draft-uberti-behave-turn-rest-00): nobody else can make one, and each ends by itself.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

IceUrl = Annotated[
    str,
    StringConstraints(pattern=r"^(stuns?:[^\s?,;<>\"]+|turns?:[^\s?,;<>\"]+(\?transport=(udp|tcp))?)$", max_length=200),
]
"""`stun:host:port`, `turn:host:port?transport=udp`, `turns:host:port?transport=tcp` (RFC 7064, RFC 7065)."""
ICE_SERVERS_MAX: Final = 8


class IceServer(BaseModel):
    """One server as an end of a connection uses it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    url: IceUrl
    username: str | None = Field(default=None, max_length=200)
    credential: str | None = Field(default=None, max_length=200, repr=False)


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
