"""One conversation with an RTSP server, without I/O: DESCRIBE, SETUP (interleaved), PLAY, then pictures.

```
 OPTIONS ──→ DESCRIBE ──→ SETUP ──→ PLAY ──→ playing ── keep-alives ──→ TEARDOWN
     ↑ 401: once more, with credentials; 3xx: `redirect` says where to start anew
```
"""

import struct
from collections.abc import Callable
from typing import Final, Literal

from vigie_agent.rtsp.authentication import Authenticator
from vigie_agent.rtsp.errors import (
    LoginError,
    MissingStreamError,
    ProtocolError,
    RefusedError,
    RtspError,
    UnsupportedError,
)
from vigie_agent.rtsp.location import Location, control_url
from vigie_agent.rtsp.messages import Message, answer, request, take_message
from vigie_agent.rtsp.pictures import Depacketiser, Picture
from vigie_agent.rtsp.reports import SenderReport, find_sender_report
from vigie_agent.rtsp.sdp import VideoTrack, parse_sdp

SESSION_SECONDS: Final = 60.0
"""How long a session lives without a sign of us, where the server does not say (RFC 2326 §12.37)."""
_SESSION_SECONDS_RANGE: Final = (4.0, 3600.0)
_DOLLAR: Final = 0x24
_FRAME: Final = struct.Struct(">BBH")
_UNSUPPORTED_TRANSPORT: Final = 461
_REFUSALS_MAX: Final = 4
"""In a row: a server that calls each nonce stale is not asked for ever."""
_REDIRECTIONS: Final = range(300, 400)

Step = Literal["OPTIONS", "DESCRIBE", "SETUP", "PLAY", "playing"]


class RtspClient:
    """Feed it what the server sends, and send what `outgoing` gives."""

    def __init__(self, location: Location, authenticator: Authenticator | None = None) -> None:
        """Raises nothing; `outgoing` holds the first request."""
        self._location = location
        self._authenticator = authenticator
        if authenticator is None and location.user is not None:
            self._authenticator = Authenticator(location.user, location.password)
        self._rest = b""
        self._out: list[bytes] = []
        self._sequence = 0
        self._base = location.target
        self._track_url = ""
        self._session = ""
        self._lives_on = "OPTIONS"
        self._asked: tuple[str, str, dict[str, str]] = ("", "", {})
        self._depacketiser: Depacketiser | None = None
        self._channels = (0, 1)
        self._refusals = 0
        self.step: Step = "OPTIONS"
        self.track: VideoTrack | None = None
        self.report: SenderReport | None = None
        """The newest one."""
        self.session_seconds = SESSION_SECONDS
        self.redirect: Location | None = None
        """Where the stream is instead; this conversation is over."""
        self._ask("OPTIONS", location.target)

    @property
    def depacketiser(self) -> Depacketiser | None:
        """What puts the pictures together; None before SETUP."""
        return self._depacketiser

    def outgoing(self) -> bytes:
        """What to send now."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    def keep_alive(self) -> None:
        """Ask for what keeps the session alive; due every half of `session_seconds`."""
        if self.step == "playing":
            self._ask(self._lives_on, self._base, {"Session": self._session})

    def tear_down(self) -> None:
        """Say that we leave."""
        if self._session:
            self._ask("TEARDOWN", self._base, {"Session": self._session})

    def feed(self, data: memoryview) -> list[Picture]:
        """Take what came, in whatever pieces; raises RtspError."""
        if self._rest:
            data = memoryview(b"".join((self._rest, data)))
        at, end = 0, len(data)
        while end - at >= 4 and self.redirect is None:
            mark, channel, size = _FRAME.unpack_from(data, at)
            if mark == _DOLLAR:
                after = at + 4 + size
                if after > end:
                    break
                if channel == self._channels[0]:
                    if self._depacketiser is not None:
                        self._depacketiser.feed(data, at + 4, after)
                        after = self._depacketiser.run(data, after, end, channel)
                elif channel == self._channels[1]:
                    self._reported(bytes(data[at + 4 : after]))
                at = after
                continue
            taken = take_message(data[at:])
            if taken is None:
                break
            at += taken[1]
            self._heard(taken[0])
        self._rest = bytes(data[at:])
        return self._depacketiser.take() if self._depacketiser is not None else []

    def _reported(self, packet: bytes) -> None:
        self.report = find_sender_report(packet) or self.report

    # Requests.

    def _ask(self, method: str, url: str, headers: dict[str, str] | None = None) -> None:
        self._asked = (method, url, headers or {})
        self._sequence += 1
        whole = dict(headers or {})
        proof = self._authenticator.header(method, url) if self._authenticator is not None else None
        if proof is not None:
            whole["Authorization"] = proof
        self._out.append(request(method, url, self._sequence, whole))

    # Answers.

    def _heard(self, message: Message) -> None:
        if message.method:
            self._answer(message)
            return
        if message.sequence != self._sequence:
            return  # Of an older request.
        if message.status == 401:
            self._log_in(message)
        elif message.status in _REDIRECTIONS:
            self._move(message)
        elif message.status == 200 or self.step in {"OPTIONS", "playing"}:
            self._refusals = 0
            self._go_on(message)
        else:
            self._refused(message.status)

    def _answer(self, asked: Message) -> None:
        if asked.method == "REDIRECT":
            self._move(asked)
            return
        known = asked.method in {"OPTIONS", "ANNOUNCE", "SET_PARAMETER", "GET_PARAMETER"}
        self._out.append(answer("200 OK" if known else "501 Not Implemented", asked.sequence or 0))

    def _log_in(self, message: Message) -> None:
        challenges = message.headers.get("www-authenticate", [])
        self._refusals += 1
        known = self._authenticator is not None and self._authenticator.take(challenges)
        if not known or self._refusals > _REFUSALS_MAX:
            raise LoginError("401")
        self._ask(*self._asked)

    def _move(self, message: Message) -> None:
        if not message.header("location"):
            raise ProtocolError("a redirection to nowhere")
        self.redirect = self._location.redirected(message.header("location"))

    def _refused(self, status: int) -> None:
        kinds: dict[int, Callable[[str], RtspError]] = {
            403: LoginError,
            404: MissingStreamError,
            _UNSUPPORTED_TRANSPORT: UnsupportedError,
        }
        raise kinds.get(status, RefusedError)(str(status))

    def _go_on(self, message: Message) -> None:
        if self.step == "OPTIONS":
            if "GET_PARAMETER" in message.header("public").upper():
                self._lives_on = "GET_PARAMETER"
            self.step = "DESCRIBE"
            self._ask("DESCRIBE", self._location.target, {"Accept": "application/sdp"})
        elif self.step == "DESCRIBE":
            self._described(message)
        elif self.step == "SETUP":
            self._set_up(message)
        elif self.step == "PLAY":
            self.step = "playing"
        elif message.status == 454:
            raise RefusedError("the session has ended")

    def _described(self, message: Message) -> None:
        base = message.header("content-base") or message.header("content-location") or self._location.target
        description = parse_sdp(message.body.decode("utf-8", "replace"))
        self._base = self._own(base if description.control in {"", "*"} else control_url(base, description.control))
        self.track = description.video
        self._track_url = self._own(control_url(base, self.track.control))
        self._depacketiser = Depacketiser(self.track.codec, self.track.payload_type, self.track.parameter_sets)
        self.step = "SETUP"
        self._ask("SETUP", self._track_url, {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"})

    def _own(self, url: str) -> str:
        """`url` if requests may carry it, else the stream's own: a server may name anything."""
        is_sane = url.lower().startswith("rtsp://") and url.isascii() and len(url) < 2048
        return url if is_sane and not any(character <= " " for character in url) else self._location.target

    def _set_up(self, message: Message) -> None:
        session, *parameters = (part.strip() for part in message.header("session").split(";"))
        if not session:
            raise ProtocolError("no session")
        self._session = session
        for parameter in parameters:
            name, _equals, value = parameter.partition("=")
            if name.lower() == "timeout" and value.isascii() and value.isdigit():
                low, high = _SESSION_SECONDS_RANGE
                self.session_seconds = min(max(float(value[:6]), low), high)
        self._channels = _channels(message.header("transport"))
        self.step = "PLAY"
        self._ask("PLAY", self._base, {"Session": session, "Range": "npt=0.000-"})


def _channels(transport: str) -> tuple[int, int]:
    """The interleaved channels that the server chose; raises UnsupportedError where it chose another transport."""
    parts = dict.fromkeys(part.strip().lower() for part in transport.split(";"))
    if not any(part.startswith("rtp/avp/tcp") for part in parts):
        raise UnsupportedError("no transport over TCP")
    for part in parts:
        first, _dash, second = part.removeprefix("interleaved=").partition("-")
        if part.startswith("interleaved=") and first.isascii() and first.isdigit() and int(first[:4]) < 256:
            return int(first), int(second) if second.isascii() and second.isdigit() else int(first) + 1
    return 0, 1
