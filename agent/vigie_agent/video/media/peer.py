"""The agent's end of a media connection: one video track out, commands in and messages out over data channel `ctl`."""

import asyncio
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from aiortc import RTCDataChannel

from vigie_shared.errors import TransferError, WireError
from vigie_shared.i18n import gettext as _
from vigie_shared.ice import IceServer
from vigie_shared.media import CHANNEL, MEDIA_COMMAND, MediaCommand, MediaMessage, read_message
from vigie_shared.rtc.connection import (
    answer_video,
    close_connection,
    describe,
    is_lost,
    make_connection,
    on_end,
    round_trip_seconds,
)
from vigie_shared.rtc.sender import PacketSender

_COMMANDS_WAITING_MAX: Final = 64
_UNSAID_MAX: Final = 64


class MediaPeer:
    """One connection. Leaving `async with` closes it; whoever waits hears TransferError as soon as the hub is gone."""

    def __init__(self, ice_servers: Sequence[IceServer] = ()) -> None:
        self._connection = make_connection(ice_servers)
        self._connection.on("datachannel", self._on_channel)
        on_end(self._connection, self._on_gone)
        self._channel: RTCDataChannel | None = None
        self._unsaid: deque[str] = deque(maxlen=_UNSAID_MAX)
        self._commands: asyncio.Queue[MediaCommand | None] = asyncio.Queue(_COMMANDS_WAITING_MAX)
        self._is_gone = asyncio.Event()
        self._is_broken = False
        self.sender: PacketSender

    async def answer(self, offer_sdp: str) -> str:
        """The answer to an offer, with all candidates in it; raises WireError where it offers none of our video."""
        try:
            transceiver = await answer_video(self._connection, offer_sdp)
            self.sender = PacketSender(transceiver)
            return await describe(self._connection)
        except Exception as error:  # aiortc's parser raises whatever it stumbles over
            raise WireError(_("the offer is no session description that this agent understands")) from error

    async def connected(self, seconds: float) -> None:
        """Wait until pictures can leave."""
        started, gone = (asyncio.ensure_future(event.wait()) for event in (self.sender.started, self._is_gone))
        try:
            await asyncio.wait((started, gone), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            started.cancel()
            gone.cancel()
        if self._is_gone.is_set():
            raise TransferError(_("the other side is gone"))
        if not self.sender.started.is_set():
            raise TransferError(_("nothing moved for {seconds:g} s").format(seconds=seconds))

    @property
    def round_trip_seconds(self) -> float | None:
        """Between both ends, as the handshake took it; None before it did."""
        return round_trip_seconds(self._connection)

    async def command(self) -> MediaCommand | None:
        """The hub's next command, None where it hung up; raises TransferError where the way to it broke."""
        command = None if self._is_gone.is_set() else await self._commands.get()
        if command is None and self._is_broken:
            raise TransferError(_("the other side is gone"))
        return command

    def say(self, message: MediaMessage) -> None:
        """Tell the hub; before the channel is open, the newest few messages wait."""
        text = message.model_dump_json()
        if self._channel is None or self._channel.readyState != "open":
            self._unsaid.append(text)
        else:
            self._channel.send(text)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._on_gone()
        await close_connection(self._connection)

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if channel.label != CHANNEL or self._channel is not None:
            channel.close()
            return
        self._channel = channel
        channel.on("message", self._on_message)
        channel.on("close", self._on_gone)
        while self._unsaid:
            channel.send(self._unsaid.popleft())

    def _on_message(self, message: str | bytes) -> None:
        try:
            self._commands.put_nowait(read_message(MEDIA_COMMAND, message))
        except (WireError, asyncio.QueueFull):  # a hub that floods, or is not ours
            self._is_broken = True
            self._on_gone()

    def _on_gone(self) -> None:
        if self._is_gone.is_set():
            return
        self._is_broken |= is_lost(self._connection)
        self._is_gone.set()
        while self._commands.full():
            self._commands.get_nowait()
        self._commands.put_nowait(None)
