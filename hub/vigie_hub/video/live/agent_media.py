"""The hub's end of a media connection to an agent: offers, takes encoded pictures, commands over data channel `ctl`."""

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Self

import structlog
from aiortc import RTCDataChannel
from nats.aio.client import Client

from vigie_hub.video.offering import ask_agent
from vigie_shared.clock import Clock
from vigie_shared.errors import TransferError, WireError
from vigie_shared.i18n import gettext as _
from vigie_shared.ice import IceServer
from vigie_shared.ids import unique_id
from vigie_shared.media import CHANNEL, MEDIA_MESSAGE, MediaCommand, MediaMessage, read_message
from vigie_shared.rtc.connection import accept_answer, close_connection, describe, make_connection, offer_video, on_end
from vigie_shared.rtc.reassembly import ReceivedFrame
from vigie_shared.rtc.receiver import PacketReceiver
from vigie_shared.signaling import MediaWanted, Offer

ANSWER_SECONDS: Final = 10.0
CONNECT_SECONDS: Final = 15.0
_UNSENT_MAX: Final = 16
_TIMESTAMPS: Final = 1 << 32
log = structlog.get_logger(__name__)


class AgentMedia:
    """One connection. `on_frame`, `on_message` and `on_gone` are called on the event loop, the last one once."""

    def __init__(self, client: Client, agent_id: str, clock: Clock, ice_servers: Sequence[IceServer] = ()) -> None:
        self.agent_id = agent_id
        self.on_frame: Callable[[ReceivedFrame], None] = lambda frame: None
        self.on_message: Callable[[MediaMessage], None] = lambda message: None
        self.on_gone: Callable[[], None] = lambda: None
        self.is_gone = False
        self.stale_timestamp: int | None = None
        """What comes up to it belongs to what has ended."""
        self._client = client
        self._clock = clock
        self._ice_servers = tuple(ice_servers)
        self._connection = make_connection(ice_servers)
        on_end(self._connection, self._on_gone)
        self._channel: RTCDataChannel = self._connection.createDataChannel(CHANNEL)
        self._channel.on("open", self._on_open)
        self._channel.on("message", self._on_message)
        self._channel.on("close", self._on_gone)
        self._unsent: list[str] = []
        self.receiver = PacketReceiver(offer_video(self._connection), on_frame=self._on_frame)
        self.receiver.on_ended = self._on_gone

    async def open(self, wanted: MediaWanted) -> None:
        """Offer, and wait until pictures can come. Raises LinkError, TransferError, WireError."""
        offer = Offer(
            session_id=unique_id(self._clock.now()),
            sdp=_as_dtls_client(await describe(self._connection)),
            wanted=wanted,
            ice_servers=self._ice_servers,
        )
        answer = await ask_agent(self._client, self.agent_id, offer, ANSWER_SECONDS)
        try:
            await accept_answer(self._connection, answer.sdp)
        except Exception as error:  # aiortc's parser raises whatever it stumbles over
            raise WireError(_("the agent's answer is no session description that the hub understands")) from error
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self.receiver.started.wait()
        except TimeoutError as error:
            raise TransferError(
                _("no way to the agent was found in {seconds:g} s").format(seconds=CONNECT_SECONDS)
            ) from error

    def command(self, command: MediaCommand) -> None:
        """Tell the agent; before the channel is open, a few commands wait."""
        text = command.model_dump_json()
        if self._channel.readyState == "open":
            self._channel.send(text)
        elif self._channel.readyState == "connecting" and len(self._unsent) < _UNSENT_MAX:
            self._unsent.append(text)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Hang up."""
        self._on_gone()
        await close_connection(self._connection)

    def _on_frame(self, frame: ReceivedFrame) -> None:
        if self.stale_timestamp is not None:
            if (self.stale_timestamp - frame.timestamp) % _TIMESTAMPS < _TIMESTAMPS // 2:
                return
            self.stale_timestamp = None
        self.on_frame(frame)

    def _on_open(self) -> None:
        for text in self._unsent:
            self._channel.send(text)
        self._unsent.clear()

    def _on_message(self, message: str | bytes) -> None:
        try:
            said = read_message(MEDIA_MESSAGE, message)
        except WireError:
            log.warning("media_message_refused", agent_id=self.agent_id)
            return
        self.on_message(said)

    def _on_gone(self) -> None:
        if not self.is_gone:
            self.is_gone = True
            self.on_gone()


def _as_dtls_client(offer_sdp: str) -> str:
    """The offer, with the hub as the one that begins DTLS: whoever is asked may send half a round trip earlier."""
    return offer_sdp.replace("a=setup:actpass", "a=setup:active")
