"""The hub's end of a WebRTC connection: it offers, and listens on one data channel."""

from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from vigie_hub.video.pull.window import GET_BYTES, ROUNDS
from vigie_shared.errors import TransferError, WireError
from vigie_shared.i18n import gettext as _
from vigie_shared.ice import IceServer
from vigie_shared.inbox import Inbox
from vigie_shared.rtc.connection import accept_answer, close_connection, describe, make_connection, on_end

_INBOX_MESSAGES_MAX: Final = 4096
"""More than any window of blocks asked for has frames; one more, and the other side is flooding us."""


class OfferingPeer:
    """One connection and its data channel `label`. Leaving `async with` closes it.

    Waits end with TransferError after their time, or as soon as the other side is gone.
    """

    get_bytes_max = GET_BYTES
    rounds_ahead = ROUNDS

    def __init__(self, label: str, ice_servers: Sequence[IceServer] = ()) -> None:
        self._inbox = Inbox(_INBOX_MESSAGES_MAX, _("the agent closed the connection"))
        self._connection = make_connection(ice_servers)
        on_end(self._connection, self._inbox.close)
        self._channel = self._connection.createDataChannel(label)
        self._channel.on("open", self._inbox.stir)
        self._channel.on("message", self._inbox.put)
        self._channel.on("close", self._inbox.close)

    async def offer(self) -> str:
        """The offer, with all candidates in it."""
        return await describe(self._connection)

    async def accept(self, answer_sdp: str, seconds: float) -> None:
        """Take the answer and wait until the data channel is open."""
        try:
            await accept_answer(self._connection, answer_sdp)
        except Exception as error:  # aiortc's parser raises whatever it stumbles over
            raise WireError(_("the agent's answer is no session description that the hub understands")) from error
        while self._channel.readyState == "connecting":
            await self._inbox.stirred(seconds, _("no way to the agent was found in {seconds:g} s"))

    def send(self, message: str) -> None:
        """Queue a message; they are small, and few."""
        if self._inbox.is_closed or self._channel.readyState != "open":
            raise TransferError(_("the agent closed the connection"))
        self._channel.send(message)

    async def receive(self, seconds: float) -> list[str | bytes]:
        """What came, one message at the least."""
        return await self._inbox.all(seconds, _("nothing came from the agent for {seconds:g} s"))

    async def hang_up(self, seconds: float) -> None:
        """Let what was sent arrive: wait for the other side to close, but not for long."""
        await self._inbox.closed(seconds)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inbox.close()
        await close_connection(self._connection)
