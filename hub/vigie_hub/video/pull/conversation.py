"""One session of a pull: feeds the core with what comes, and does what it asks for (`transfer.py`)."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from vigie_hub.archive.files import Part
from vigie_hub.video.pull.pieces import Piece
from vigie_hub.video.pull.sessions import Peer
from vigie_hub.video.pull.transfer import Action, Finish, Judge, Keep, Resume, Send, Transfer
from vigie_hub.video.pull.window import Window
from vigie_shared.clock import Clock
from vigie_shared.errors import VigieError
from vigie_shared.transfer import Manifest

_WAITINGS_MISSED: Final = 5 / 3


class Conversation:
    """What came at once is handled at once: gets leave first, then all that is to be written is, in one thread."""

    def __init__(
        self,
        transfer: Transfer,
        peer: Peer,
        window: Window,
        clock: Clock,
        *,
        stall_seconds: float,
        open_part: Callable[[Manifest], Awaitable[Part]],
        on_moved: Callable[[], None],
    ) -> None:
        """`open_part` says where to write, as soon as there is a manifest; `on_moved` hears whenever something came."""
        self._transfer = transfer
        self._peer = peer
        self._window = window
        self._clock = clock
        self._stall_seconds = stall_seconds
        self._open_part = open_part
        self._on_moved = on_moved
        self._part: Part
        self._began_seconds = 0.0

    async def run(self, *, has_left: bool) -> None:
        """Return when all that was wanted is on disk. Raises as the core, the road and the disk do."""
        self._began_seconds = self._clock.monotonic_seconds()
        self._follow_window()
        actions = self._transfer.start(has_left=has_left)
        while not await self._do(actions):
            self._on_moved()
            actions = []
            try:
                for message in await self._peer.receive(self._patience_seconds()):
                    actions += self._hear(message)
            except VigieError:
                await self._do(actions)  # what came before it is not lost
                raise
        self._on_moved()

    def _hear(self, message: str | bytes) -> list[Action]:
        now_seconds, transfer, window = self._clock.monotonic_seconds(), self._transfer, self._window
        if isinstance(message, bytes):
            window.arrived(now_seconds, len(message) - 8)
            self._follow_window()
        elif transfer.manifest is None:
            window.answered(now_seconds - self._began_seconds)
        return transfer.feed(message)

    def _follow_window(self) -> None:
        self._transfer.window_bytes, self._transfer.get_bytes = self._window.bytes, self._window.get_bytes

    async def _do(self, actions: list[Action]) -> bool:
        """Do what the protocol asks for; True when all is here."""
        writes: list[Judge | Keep] = []
        for action in actions:  # which may grow meanwhile
            match action:
                case Send(text, wanted_bytes):
                    self._peer.send(text)
                    if wanted_bytes:
                        self._window.asked(self._clock.monotonic_seconds(), wanted_bytes)
                case Judge() | Keep():
                    writes.append(action)
                case Resume():
                    assert self._transfer.manifest is not None
                    self._part = await self._open_part(self._transfer.manifest)
                    actions += await asyncio.to_thread(self._transfer.resume, self._part.read)
                case Finish():
                    return True
        if not writes:
            return False
        verdicts = await asyncio.to_thread(_written, writes, self._part)
        more = [self._transfer.judged(piece, is_right=is_right) for piece, is_right in verdicts]
        return await self._do([action for actions in more for action in actions])

    def _patience_seconds(self) -> float:
        """Longer where the agent says less often that it waits."""
        waiting = self._transfer.manifest.waiting_seconds if self._transfer.manifest else 0.0
        return self._stall_seconds if waiting < self._stall_seconds else waiting * _WAITINGS_MISSED


def _written(writes: Iterable[Judge | Keep], part: Part) -> list[tuple[Piece, bool]]:
    """Write what may be written; which pieces are right."""
    verdicts = []
    for write in writes:
        if isinstance(write, Keep):
            part.write(write.offset, write.data)
            continue
        piece = write.piece
        is_right = piece.is_right(piece.data)
        if is_right:
            part.write(piece.offset, piece.data)
            part.settle(piece.offset, len(piece.data))
        verdicts.append((piece, is_right))
    return verdicts
