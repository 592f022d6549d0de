"""A player that counts what it gets and decodes nothing: how a camera comes through, for `vigie hub live`."""

import asyncio
import base64
import json
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from vigie_shared.errors import CommandError, LinkError, TransferError
from vigie_shared.i18n import gettext as _
from vigie_shared.ice import IceServer
from vigie_shared.media import CHANNEL, MEDIA_MESSAGE, Ended, MediaRefused, Showing
from vigie_shared.rtc.connection import accept_answer, describe, make_connection, offer_video
from vigie_shared.rtc.reassembly import ReceivedFrame
from vigie_shared.rtc.receiver import PacketReceiver

HTTP_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class HubAccess:
    """Where the hub's API is, and who asks."""

    url: str
    user: str
    password: str
    context: ssl.SSLContext | None = None

    def ask(self, method: str, path: str, body: bytes, **headers: str) -> tuple[dict[str, str], bytes]:
        """Headers and body of the answer; blocks. Raises CommandError with the hub's own words, or LinkError."""
        basic = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        request = urllib.request.Request(  # noqa: S310 - the settings know http and https alone
            self.url + path, body or None, {"authorization": f"Basic {basic}", **headers}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=HTTP_SECONDS, context=self.context) as answer:  # noqa: S310
                return {name.lower(): value for name, value in answer.headers.items()}, answer.read()
        except urllib.error.HTTPError as error:
            raise CommandError(_words_of(error)) from error
        except OSError as error:
            raise LinkError(_("no hub answers at {url}").format(url=self.url)) from error


@dataclass(frozen=True, slots=True)
class Tally:
    """What came up to now, since the offer was begun."""

    seconds: float
    frames: int
    bytes: int
    packets: int
    repaired_packets: int
    lost_frames: int


class WhepPlayer:
    """One view; leaving `async with` ends it."""

    def __init__(self, access: HubAccess) -> None:
        self._access = access
        self._began = time.monotonic()
        self._session: str | None = None
        self._first = asyncio.Event()
        self.first_frame_seconds: float | None = None
        """From the wish to look to the first whole picture."""
        self.showing: Showing | None = None
        self.refused: str | None = None

    async def open(self, target: dict[str, str], purpose: str, query: str = "") -> None:
        """Look at `target`, `agent_id` and `camera_id` or `clip_id`. Raises CommandError, LinkError."""
        wish = json.dumps({**target, "purpose": purpose}).encode()
        _headers, body = await self._ask("POST", "/api/v1/tickets", wish, **{"content-type": "application/json"})
        ticket: dict[str, Any] = json.loads(body)
        servers = [
            IceServer(url=one["urls"], username=one["username"], credential=one["credential"])
            for one in ticket["ice_servers"]
        ]
        self._connection = make_connection(servers)
        self.receiver = PacketReceiver(offer_video(self._connection), on_frame=self._on_frame)
        channel = self._connection.createDataChannel(CHANNEL)
        channel.on("message", self._on_message)
        headers, answer = await self._ask(
            "POST",
            ticket["whep"] + query,
            (await describe(self._connection)).encode(),
            **{"content-type": "application/sdp", "vigie-ticket": ticket["ticket"]},
        )
        self._session = headers["location"]
        await accept_answer(self._connection, answer.decode())

    async def first_frame(self, seconds: float) -> None:
        """Wait for it; raises TransferError where none comes."""
        try:
            async with asyncio.timeout(seconds):
                await self._first.wait()
        except TimeoutError as error:
            raise TransferError(
                self.refused or _("no picture came within {seconds:g} s").format(seconds=seconds)
            ) from error

    def tally(self) -> Tally:
        """What came up to now."""
        counts = self.receiver.counts
        return Tally(
            seconds=time.monotonic() - self._began,
            frames=counts.frames,
            bytes=counts.bytes,
            packets=counts.packets,
            repaired_packets=counts.packets_repaired,
            lost_frames=self.receiver.frames_lost,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await asyncio.shield(self._ask("DELETE", self._session, b""))
        if hasattr(self, "_connection"):
            await asyncio.shield(self._connection.close())

    async def _ask(self, method: str, path: str, body: bytes, **headers: str) -> tuple[dict[str, str], bytes]:
        return await asyncio.to_thread(self._access.ask, method, path, body, **headers)

    def _on_frame(self, _frame: ReceivedFrame) -> None:
        if self.first_frame_seconds is None:
            self.first_frame_seconds = time.monotonic() - self._began
            self._first.set()

    def _on_message(self, message: str | bytes) -> None:
        said = MEDIA_MESSAGE.validate_json(message)
        if isinstance(said, Showing):
            self.showing = said
        elif isinstance(said, MediaRefused | Ended):
            self.refused = said.reason


def _words_of(error: urllib.error.HTTPError) -> str:
    try:
        problem = json.loads(error.read())
        return f"{problem['title']}. {problem['detail']}"
    except (ValueError, KeyError, TypeError):
        return f"HTTP {error.code}"
