"""One viewer: the hub's end of a WHEP session. Takes the viewer's offer, sends pictures and messages."""

import asyncio
import contextlib
import re
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from aiortc import RTCDataChannel
from aiortc.sdp import candidate_from_sdp

from vigie_hub.video.live.sdp_fragment import SdpFragment
from vigie_shared.errors import WireError
from vigie_shared.i18n import gettext as _
from vigie_shared.ice import IceServer
from vigie_shared.media import CHANNEL, VIEWER_COMMAND, MediaMessage, PlaybackCommand, read_message
from vigie_shared.rtc.connection import answer_video, close_connection, describe, make_connection, on_end
from vigie_shared.rtc.extensions import show_at_once
from vigie_shared.rtc.pacer import BROWSER_SHARE, Pacer
from vigie_shared.rtc.reassembly import ReceivedFrame
from vigie_shared.rtc.sender import PacketSender

CONNECT_SECONDS: Final = 15.0
AGAIN_SECONDS: Final = 0.5
"""A viewer that cannot decode is sent the same group of pictures at most this often."""
_UFRAG: Final = re.compile(r"^a=ice-ufrag:(\S+)", re.MULTILINE)
log = structlog.get_logger(__name__)


class Viewer:
    """One connection to a browser, or to any player that speaks WHEP."""

    def __init__(self, viewer_id: str, ice_servers: Sequence[IceServer] = (), *, is_steered: bool = False) -> None:
        """Who steers what they see wants each picture shown as soon as it is there."""
        self.viewer_id = viewer_id
        self._is_steered = is_steered
        self.on_ready: Callable[[], None] = lambda: None
        """Pictures can leave."""
        self.on_keyframe_wanted: Callable[[], None] = lambda: None
        self.on_command: Callable[[PlaybackCommand], None] = lambda command: None
        self.on_gone: Callable[[], None] = lambda: None
        self.is_gone = False
        self.ice_ufrag = ""
        """Of this session (RFC 8840): what an `etag` is made from."""
        self.first_at_seconds: float | None = None
        self.last_at_seconds = 0.0
        self.sender: PacketSender
        self._connection = make_connection(ice_servers)
        on_end(self._connection, self._on_gone)
        self._connection.on("datachannel", self._on_channel)
        self._channel: RTCDataChannel | None = None
        self._said: dict[str, str] = {}
        self._loop = asyncio.get_running_loop()
        self._again_at_seconds = 0.0

    @property
    def seconds_seen(self) -> float:
        """From the first picture sent to the last."""
        return 0.0 if self.first_at_seconds is None else self.last_at_seconds - self.first_at_seconds

    async def answer(self, offer_sdp: str) -> str:
        """The answer to the viewer's offer, with all candidates; raises WireError where it wants no H.264 video."""
        try:
            transceiver = await answer_video(self._connection, offer_sdp)
            if self._is_steered:
                show_at_once(transceiver, offer_sdp)
            self.sender = PacketSender(transceiver, pacer=Pacer(share=BROWSER_SHARE))
            self.sender.on_keyframe_wanted = self._on_keyframe_wanted
            answer = await describe(self._connection)
        except Exception as error:  # aiortc's parser raises whatever it stumbles over
            raise WireError(_("the offer wants no H.264 video that the hub can send")) from error
        found = _UFRAG.search(offer_sdp)
        self.ice_ufrag = found[1] if found else ""
        return answer

    async def trickle(self, fragment: SdpFragment) -> None:
        """Candidates that the viewer found after its offer; raises WireError."""
        for line, mid in fragment.candidates:
            try:
                candidate = candidate_from_sdp(line)
                candidate.sdpMid = mid
                await self._connection.addIceCandidate(candidate)
            except Exception as error:
                raise WireError(_("“{line}” is no candidate").format(line=line[:100])) from error

    async def ready(self) -> bool:
        """Wait until pictures can leave; False where the viewer never came."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CONNECT_SECONDS):
                await self.sender.started.wait()
        return self.sender.started.is_set() and not self.is_gone

    def show(self, frame: ReceivedFrame) -> None:
        """Send one picture."""
        self.last_at_seconds = self._loop.time()
        if self.first_at_seconds is None:
            self.first_at_seconds = self.last_at_seconds
        self.sender.send_packets(frame.payloads, frame.timestamp, is_keyframe=frame.is_keyframe)

    def say(self, message: MediaMessage) -> None:
        """Tell the viewer; before its channel is open, the newest message of each kind waits."""
        text = message.model_dump_json()
        if self._channel is not None and self._channel.readyState == "open":
            self._channel.send(text)
        else:
            self._said[message.say] = text

    async def close(self) -> None:
        """Hang up."""
        self._on_gone()
        await close_connection(self._connection)

    def _on_keyframe_wanted(self) -> None:
        now_seconds = self._loop.time()
        if now_seconds >= self._again_at_seconds:
            self._again_at_seconds = now_seconds + AGAIN_SECONDS
            self.on_keyframe_wanted()

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if channel.label != CHANNEL or self._channel is not None:
            channel.close()
            return
        self._channel = channel
        channel.on("message", self._on_message)
        for text in self._said.values():
            channel.send(text)
        self._said.clear()

    def _on_message(self, message: str | bytes) -> None:
        try:
            command = read_message(VIEWER_COMMAND, message)
        except WireError:
            log.info("viewer_command_refused", viewer_id=self.viewer_id)
            return
        self.on_command(command)

    def _on_gone(self) -> None:
        if not self.is_gone:
            self.is_gone = True
            self.on_gone()
