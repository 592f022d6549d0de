"""Who is asking: by the page's session cookie, or by name and password in every request (RFC 7617)."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import math
import secrets
from dataclasses import dataclass
from typing import Final

from starlette.requests import HTTPConnection

from vigie_hub.api.problems import ProblemError
from vigie_hub.api.services import Services
from vigie_hub.api.sessions import Sessions
from vigie_hub.api.throttle import Throttle

COOKIE: Final = "vigie_session"
_REMEMBER_SECONDS: Final = 60.0
_REMEMBERED_MAX: Final = 256
_NAME_CHARS_MAX: Final = 128
_ATTEMPTS_FREE: Final = 4
_ATTEMPTS_FREE_PER_ADDRESS: Final = 40


@dataclass(frozen=True)
class Caller:
    """Who asks, and whether the browser sent a cookie along by itself."""

    user: str
    by_cookie: bool


class Authentication:
    """Verifies passwords, slowly for those who guess; remembers for a minute those that scripts repeat."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._clock = services.clock
        self._sessions = Sessions()
        self._by_name = Throttle(_ATTEMPTS_FREE)
        self._by_address = Throttle(_ATTEMPTS_FREE_PER_ADDRESS)
        self._verifying = asyncio.Lock()
        self._secret = secrets.token_bytes(32)
        self._remembered: dict[bytes, float] = {}

    async def caller(self, request: HTTPConnection) -> Caller | None:
        """Who asks; None where the request says nothing that is valid. A wrong Basic password is a problem."""
        user = self._sessions.user(request.cookies.get(COOKIE, ""), self._clock.monotonic_seconds())
        if user is not None:
            return Caller(user, by_cookie=True)
        credentials = _basic(request.headers.get("authorization", ""))
        if credentials is None:
            return None
        await self._verify(*credentials, address_of(request))
        return Caller(credentials[0], by_cookie=False)

    def is_current(self, request: HTTPConnection) -> bool:
        """Whether whoever began the request, long ago, would still be let in; asking does not prolong a session."""
        caller: Caller = request.state.caller
        token = request.cookies.get(COOKIE, "")
        return not caller.by_cookie or self._sessions.is_open(token, self._clock.monotonic_seconds())

    async def sign_in(self, name: str, password: str, request: HTTPConnection) -> str:
        """A session's token; the problem `wrong-password` or `too-many-attempts` otherwise."""
        await self._verify(name, password, address_of(request))
        await self._services.audit.record(name, "signed_in", address_of(request))
        return self._sessions.open(name, self._clock.monotonic_seconds())

    async def sign_out(self, request: HTTPConnection, user: str) -> None:
        """End the request's session."""
        self._sessions.close(request.cookies.get(COOKIE, ""))
        await self._services.audit.record(user, "signed_out", address_of(request))

    async def _verify(self, name: str, password: str, address: str) -> None:
        """Return where the password is right. One at a time: each costs much memory and time by design."""
        digest = hmac.digest(self._secret, f"{len(name)}:{name}:{password}".encode(), hashlib.sha256)
        if self._remembers(digest):
            return
        keys = ((self._by_name, (name[:_NAME_CHARS_MAX], address)), (self._by_address, address))
        async with self._verifying:
            if self._remembers(digest):
                return
            now = self._clock.monotonic_seconds()
            wait_seconds = max(throttle.wait_seconds(key, now) for throttle, key in keys)
            if wait_seconds > 0:
                raise ProblemError("too-many-attempts", seconds=math.ceil(wait_seconds))
            for throttle, key in keys:
                throttle.attempted(key, now)
            if len(name) > _NAME_CHARS_MAX or not await self._services.users.verify(name, password):
                await self._services.audit.record(name[:_NAME_CHARS_MAX], "sign_in_refused", address)
                raise ProblemError("wrong-password")
            for throttle, key in keys:
                throttle.succeeded(key)
            self._remember(digest)

    def _remembers(self, digest: bytes) -> bool:
        return self._remembered.get(digest, -math.inf) > self._clock.monotonic_seconds()

    def _remember(self, digest: bytes) -> None:
        while len(self._remembered) >= _REMEMBERED_MAX:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[digest] = self._clock.monotonic_seconds() + _REMEMBER_SECONDS


def address_of(request: HTTPConnection) -> str:
    """The network address that the request came from."""
    return request.client.host if request.client else "unknown"


def _basic(header: str) -> tuple[str, str] | None:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, password) if colon else None
