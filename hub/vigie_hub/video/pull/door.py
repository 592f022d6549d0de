"""The hub's end of the TCP road (`vigie_shared.road`): a door in the API that opens for the agents that are awaited."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from vigie_hub.video.pull.intake import HAND_OVER, Intake
from vigie_hub.video.pull.window import ROUNDS_OF_TCP
from vigie_shared import road
from vigie_shared.errors import TransferError, WireError
from vigie_shared.i18n import gettext as _
from vigie_shared.inbox import Inbox
from vigie_shared.receipts import Verifier
from vigie_shared.transfer import FRAME_BYTES_MAX

_SECRET_BYTES: Final = 32
_HELD_BYTES_MAX: Final = 1024 * 1024
"""Of messages that came and wait here; with more, the agent has to."""
_MESSAGES_MAX: Final = 4096
"""More than any window has frames."""
_log = structlog.get_logger(__name__)


class TcpPeer:
    """One session over TCP. Waits end with TransferError after their time, or as soon as the agent is gone."""

    get_bytes_max = FRAME_BYTES_MAX
    rounds_ahead = ROUNDS_OF_TCP

    def __init__(self) -> None:
        self._came = asyncio.Event()
        self.over = asyncio.Event()
        self.intake = Intake(self._on_data, self._on_end)
        self._messages = road.Messages()
        self._inbox = Inbox(_MESSAGES_MAX, _("the agent closed the connection"))
        self._outgoing = b""
        self._held_bytes = 0
        self._is_held = False
        self._fault: WireError | None = None

    def begin(self, *, is_open: bool) -> None:
        """The agent is here."""
        self._came.set()
        if not is_open:
            self._inbox.close()

    async def opened(self, seconds: float, answering: asyncio.Task[Any]) -> None:
        """Wait for the agent, up to `seconds` after it answered; mostly it is here before its answer is."""
        coming = asyncio.create_task(self._came.wait())
        try:
            await asyncio.wait((coming, answering), return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                answering.result()
                async with asyncio.timeout(seconds):
                    await coming
        except TimeoutError as error:
            raise TransferError(_("the agent did not come in {seconds:g} s").format(seconds=seconds)) from error
        finally:
            coming.cancel()

    def send(self, message: str) -> None:
        """Queue a message; what is queued together leaves together."""
        if not self._outgoing:
            asyncio.get_running_loop().call_soon(self._flush)
        self._outgoing += road.pack(message)

    async def receive(self, seconds: float) -> list[str | bytes]:
        """What came, one message at the least."""
        try:
            messages = await self._inbox.all(seconds, _("nothing came from the agent for {seconds:g} s"))
        except TransferError as error:
            raise self._fault or error from None
        self._held_bytes = 0
        if self._is_held:
            self._is_held = False
            self.intake.go_on()
        return messages

    async def hang_up(self, seconds: float) -> None:
        """Let what was sent arrive: wait for the agent to close, but not for long."""
        await self._inbox.closed(seconds)

    def _on_data(self, data: memoryview) -> None:
        try:
            messages = self._messages.feed(data)
        except WireError as error:
            self._fault = error
            raise
        for message in messages:
            self._held_bytes += len(message)
            self._inbox.put(message)
        if self._held_bytes > _HELD_BYTES_MAX and not self._is_held:
            self._is_held = True
            self.intake.hold()

    def _on_end(self) -> None:
        self._inbox.close()

    def _flush(self) -> None:
        outgoing, self._outgoing = self._outgoing, b""
        if not self._inbox.is_closed:
            self.intake.write(outgoing)


@dataclass(frozen=True, slots=True)
class Awaited:
    """An agent that the hub asked to come."""

    agent_id: str
    key: Verifier
    secret: str
    peer: TcpPeer = field(default_factory=TcpPeer)


class Door:
    """Who is awaited. Nobody else is let in, and each of them once."""

    def __init__(self, url: str | None = None) -> None:
        """`url`: where the door is, for agents that know another address of the hub."""
        self.url = url
        self._awaited: dict[str, Awaited] = {}

    @contextlib.asynccontextmanager
    async def awaiting(self, session_id: str, agent_id: str, key: Verifier) -> AsyncIterator[Awaited]:
        """Open for this session, until it is over."""
        awaited = Awaited(agent_id, key, secrets.token_hex(_SECRET_BYTES))
        self._awaited[session_id] = awaited
        try:
            yield awaited
        finally:
            self._awaited.pop(session_id, None)
            awaited.peer.over.set()

    def enter(self, session_id: str, authorization: str) -> TcpPeer | None:
        """The session of whoever proves that it is meant; None for everybody else."""
        awaited = self._awaited.get(session_id)
        scheme, _space, signature = authorization.partition(" ")
        if awaited is None or scheme != road.SCHEME:
            return None
        if not awaited.key.verify(road.proof(awaited.agent_id, session_id, awaited.secret), signature):
            return None
        return self._awaited.pop(session_id).peer


class DoorKeeper:
    """ASGI middleware in front of everything: it authenticates by itself, and reads nothing of whoever is not meant."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let an awaited agent in; hand everything else on."""
        if scope["type"] != "http" or not scope["path"].startswith(road.PATH):
            await self._app(scope, receive, send)
            return
        peer = None
        if scope["method"] == "POST":
            peer = self._door.enter(scope["path"].removeprefix(road.PATH), _authorization(scope))
        if peer is None:
            _log.info("road_refused")
            headers = [(b"content-length", b"0"), (b"connection", b"close")]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        headers = [(b"content-type", b"application/octet-stream"), (b"connection", b"close")]
        is_open = scope["state"][HAND_OVER](peer.intake)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        peer.begin(is_open=is_open)
        await peer.over.wait()
        await send({"type": "http.response.body", "body": b""})


def _authorization(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"authorization":
            return bytes(value).decode("latin-1")
    return ""


async def nobody_is_here(scope: Scope, _receive: Receive, send: Send) -> None:
    """What stands behind a door that has no API."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})
