"""The agent's end of a WebRTC connection: it answers, and speaks over one data channel."""

from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from aiortc import RTCDataChannel, RTCSessionDescription

from vigie_agent.uplink.wire_bytes import data_channel_bytes
from vigie_shared.errors import TransferError, WireError
from vigie_shared.i18n import gettext as _
from vigie_shared.ice import IceServer
from vigie_shared.inbox import Inbox
from vigie_shared.rtc.connection import close_connection, describe, make_connection, on_end
from vigie_shared.transfer import CHANNEL_FRAME_BYTES_MAX, GETS_MAX

BUFFERED_BYTES_MAX: Final = 256 * 1024
"""Above this, `send` waits: what is queued here cannot be taken back when something more urgent comes."""
BUFFERED_BYTES_LOW: Final = 64 * 1024
_HANG_UP_SECONDS: Final = 2.0


class AnsweringPeer:
    """One connection and its data channel `label`. Every wait ends with TransferError after `lease_seconds` in which
    nothing moved, or as soon as the other side is gone. Leaving `async with` closes it.
    """

    frame_bytes_max = CHANNEL_FRAME_BYTES_MAX
    wire_bytes = staticmethod(data_channel_bytes)

    def __init__(self, label: str, lease_seconds: float, ice_servers: Sequence[IceServer] = ()) -> None:
        self._label = label
        self._lease_seconds = lease_seconds
        self._inbox = Inbox(GETS_MAX, _("the other side is gone"))
        self._channel: RTCDataChannel | None = None
        self._connection = make_connection(ice_servers)
        self._connection.on("datachannel", self._on_channel)
        on_end(self._connection, self._inbox.close)

    async def answer(self, offer_sdp: str) -> str:
        """The answer to an offer, with all candidates in it; raises WireError where the offer is none."""
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(offer_sdp, "offer"))
            described = await describe(self._connection)
        except Exception as error:  # aiortc's parser raises whatever it stumbles over
            raise WireError(_("the offer is no session description that this agent understands")) from error
        if self._connection.sctp is None:
            raise WireError(_("the offer has no data channel"))
        return described

    async def opened(self) -> None:
        """Wait until the data channel is open."""
        while self._channel is None:
            await self._stirred()

    async def receive(self) -> str | bytes:
        """The next message."""
        return await self._inbox.next(self._lease_seconds, _("nothing moved for {seconds:g} s"))

    async def send(self, message: str | bytes) -> None:
        """Queue a message; waits while too much is queued."""
        assert self._channel is not None
        while self._channel.bufferedAmount > BUFFERED_BYTES_MAX:
            await self._drained(self._channel)
        if self._inbox.is_closed or self._channel.readyState != "open":
            raise TransferError(_("the other side is gone"))
        self._channel.send(message)

    @property
    def unconfirmed_bytes(self) -> int:
        """Bytes of messages that the other side has not acknowledged yet, queued ones included.

        aiortc tells what is queued; what it sent and nobody has acknowledged, only its SCTP association knows.
        """
        sctp = self._connection.sctp
        if sctp is None or self._channel is None:
            return 0
        sent = sum(chunk._book_size for chunk in sctp._sent_queue if not chunk._acked)
        cut = sum(chunk._book_size for chunk in sctp._outbound_queue)
        return self._channel.bufferedAmount + cut + sent

    async def hang_up(self) -> None:
        """Let what is queued arrive: wait for the other side to close, but not for long."""
        await self._inbox.closed(_HANG_UP_SECONDS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inbox.close()
        await close_connection(self._connection)

    async def _drained(self, channel: RTCDataChannel) -> None:
        """Wait for `BUFFERED_BYTES_LOW`, or for a lease in which at least something left."""
        before = channel.bufferedAmount
        try:
            await self._stirred()
        except TransferError:
            if self._inbox.is_closed or channel.bufferedAmount >= before:
                raise

    async def _stirred(self) -> None:
        await self._inbox.stirred(self._lease_seconds, _("nothing moved for {seconds:g} s"))

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if channel.label != self._label or self._channel is not None:
            channel.close()
            return
        self._channel = channel
        channel.bufferedAmountLowThreshold = BUFFERED_BYTES_LOW
        channel.on("message", self._inbox.put)
        channel.on("bufferedamountlow", self._inbox.stir)
        channel.on("close", self._inbox.close)
        self._inbox.stir()
