"""Stands before every address: only who is known comes in, and no other site can ask for a change.

All is shut unless it is named here, so that a new route is never open by oversight.
"""

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vigie_hub.api.authentication import Authentication, Caller
from vigie_hub.api.problems import ProblemError, problem_response

# Agents prove who they are with what they send to `enrolment`.
OPEN_PATHS: Final = frozenset(
    {
        "/healthz",
        "/login",
        *(f"/api/v1/enrolment{path}" for path in ("", "/authority", "/renewal")),
    }
)
OPEN_PREFIX: Final = "/static/"
"""The sign-in page's own looks: nothing in there is about anyone."""
BODY_BYTES_MAX: Final = 64 * 1024
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
HEADERS: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # `no-referrer` would turn the Origin of forms into `null`
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class Gate:
    """ASGI middleware; leaves the caller in `request.state.caller`."""

    def __init__(self, app: ASGIApp, authentication: Authentication) -> None:
        self._app = app
        self._authentication = authentication

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request pass, or answer with the problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-cache" if scope["path"].startswith(OPEN_PREFIX) else "no-store")
            await send(message)

        request = HTTPConnection(scope)
        try:
            caller = await self._admit(request, scope["method"], scope["path"])
        except ProblemError as problem:
            await self._refuse(request, problem)(scope, receive, send_guarded)
            return
        scope.setdefault("state", {})["caller"] = caller
        await self._app(scope, receive, send_guarded)

    async def _admit(self, request: HTTPConnection, method: str, path: str) -> Caller | None:
        # `path` is what is routed; `request.url` is made with the Host header, which the client writes.
        if method not in _SAFE_METHODS:
            _check_origin(request)
            _check_size(request)
        if path in OPEN_PATHS or path.startswith(OPEN_PREFIX):
            return None
        caller = await self._authentication.caller(request)
        if caller is None:
            raise ProblemError("sign-in-needed")
        if caller.by_cookie and method not in _SAFE_METHODS and "origin" not in request.headers:
            raise ProblemError("foreign-origin")
        return caller

    def _refuse(self, request: HTTPConnection, problem: ProblemError) -> ASGIApp:
        if problem.code == "sign-in-needed" and "text/html" in request.headers.get("accept", ""):
            return RedirectResponse("/login", 303)
        return problem_response(request, problem.code, **problem.values)


def _check_origin(request: HTTPConnection) -> None:
    """Refuse a change that a browser makes for another site, whatever it sends along."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise ProblemError("foreign-origin")
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise ProblemError("foreign-origin")


def _check_size(request: HTTPConnection) -> None:
    """Refuse a body that is large, or does not say how large it is, before it fills the memory."""
    length = request.headers.get("content-length", "0")
    if "transfer-encoding" in request.headers or not length.isdecimal() or int(length) > BODY_BYTES_MAX:
        raise ProblemError("too-large", most=BODY_BYTES_MAX)
