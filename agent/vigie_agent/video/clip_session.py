"""A session that serves the exact bytes of one clip."""

import asyncio
from collections.abc import Iterator
from typing import Final, Protocol

from vigie_agent.video.holder import Action, Close, Holder, SendRange, SendText, frames, refusal
from vigie_agent.video.peers import AnsweringPeer
from vigie_shared.errors import StoreError
from vigie_shared.i18n import gettext as _
from vigie_shared.transfer import Manifest

_READ_BYTES: Final = 256 * 1024


class ClipSource(Protocol):
    """Where clips are; called in threads, a read from its first piece to its last in one."""

    def manifest(self, clip_id: str) -> Manifest | None:
        """What the clip is, or None where there is none."""
        ...

    def read(self, clip_id: str, offset: int, length: int) -> Iterator[bytes]:
        """The clip's bytes from `offset`, `length` of them, in pieces of any size; raises StoreError."""
        ...


class ClipSession:
    """Serves one puller over one data channel."""

    def __init__(self, peer: AnsweringPeer, manifest: Manifest, clips: ClipSource) -> None:
        self._peer = peer
        self._clip_id = manifest.clip_id
        self._clips = clips
        self._holder = Holder(manifest)
        self.sent_bytes = 0
        """Bytes of the clip handed to the channel so far."""

    async def run(self) -> bool:
        """Serve until the puller has everything (True) or was refused (False).

        Raises TransferError where the puller is gone or nothing moves.
        """
        await self._peer.opened()
        while True:
            closed = await self._do(self._holder.feed(await self._peer.receive()))
            if closed is not None:
                return closed.complete

    async def _do(self, actions: list[Action]) -> Close | None:
        for action in actions:
            match action:
                case SendText(text):
                    await self._peer.send(text)
                case SendRange(offset, length):
                    try:
                        await self._send_range(offset, length)
                    except StoreError as error:
                        return await self._do(refusal(str(error)))
                case Close(complete):
                    if not complete:
                        await self._peer.hang_up()
                    return action
        return None

    async def _send_range(self, offset: int, length: int) -> None:
        for start in range(offset, offset + length, _READ_BYTES):
            data = await asyncio.to_thread(self._read, start, min(_READ_BYTES, offset + length - start))
            for frame in frames(start, data):
                await self._peer.send(frame)
            self.sent_bytes += len(data)

    def _read(self, offset: int, length: int) -> bytes:
        data = b"".join(self._clips.read(self._clip_id, offset, length))
        if len(data) != length:
            raise StoreError(
                _("clip {clip_id}: {length} bytes from {offset} are gone").format(
                    clip_id=self._clip_id, length=length, offset=offset
                )
            )
        return data
