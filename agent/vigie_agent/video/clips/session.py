"""A session that serves the exact bytes of one clip."""

import asyncio
import contextlib
from collections import deque
from typing import Final, Protocol

from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.uplink.delivery_rate import Sent
from vigie_agent.uplink.forecast import Queued
from vigie_agent.video.clips.holder import Action, Close, Holder, SendIndex, SendRange, SendText, refusal
from vigie_agent.video.clips.library import WAITING_SECONDS, Served
from vigie_agent.video.clips.read_ahead import ReadAhead
from vigie_shared.errors import StoreError, TransferError
from vigie_shared.i18n import gettext as _
from vigie_shared.link import Priority
from vigie_shared.transfer import Manifest, Waiting, pack_frame

ARRIVALS_SECONDS: Final = 0.05
"""How often to look what has arrived."""


class Peer(Protocol):
    """One end of a road; waits end with TransferError where nothing moves or the other side is gone."""

    @property
    def frame_bytes_max(self) -> int:
        """Most bytes of the clip in one message."""
        ...

    @property
    def unconfirmed_bytes(self) -> int:
        """Bytes of messages that the other side has not acknowledged yet, queued ones included."""
        ...

    def wire_bytes(self, message_bytes: int) -> int:
        """What a message costs on the wire."""
        ...

    async def opened(self) -> None:
        """Wait until messages can pass."""
        ...

    async def receive(self) -> str | bytes:
        """The next message."""
        ...

    async def send(self, message: str | bytes) -> None:
        """Queue a message; waits while too much is queued."""
        ...

    async def hang_up(self) -> None:
        """Let what is queued arrive."""
        ...


class ClipSession:
    """Serves one puller over one road."""

    def __init__(self, peer: Peer, manifest: Manifest, clips: Served, budget: LinkBudget, priority: Priority) -> None:
        self._peer = peer
        self._manifest = manifest
        self._bytes = manifest.bytes
        self._budget = budget
        self._priority = priority
        self._queued = Queued(priority, None)
        self._in_air: deque[tuple[int, Sent]] = deque()
        self._handed_bytes = 0
        """Bytes of messages that the channel took, ever."""
        self._clip_id = manifest.clip_id
        self._clips = clips
        self._holder = Holder(manifest)
        self._ahead = ReadAhead(manifest.bytes, self._read)
        self.sent_bytes = 0
        """Bytes of the clip handed to the road so far."""
        self.took_all = False
        """Whether the puller has the whole clip, as it says."""

    async def run(self) -> bool:
        """Serve until the puller has what it came for (True) or was refused (False).

        Raises TransferError where the puller is gone or nothing moves.
        """
        await self._peer.opened()
        complete, fault = False, None
        try:
            with self._budget.queue(self._priority, self._clip_id) as self._queued:
                self._queued.bytes = self._bytes
                async with asyncio.TaskGroup() as tasks:
                    watching = tasks.create_task(self._watch_arrivals())
                    complete = await self._serve()
                    watching.cancel()
        except* TransferError as group:
            fault = group.exceptions[0]  # Python 3.11.2 would raise it from here as a group
        finally:
            for _until, sent in self._in_air:
                self._budget.lose(sent)
            await self._ahead.close()
        if fault is not None:
            raise fault
        return complete

    async def _serve(self) -> bool:
        while True:
            closed = await self._do(self._holder.feed(await self._peer.receive()))
            if closed is not None:
                self.took_all = closed.whole
                return closed.complete

    async def _watch_arrivals(self) -> None:
        """Tell the budget what has arrived, as the acknowledgements of SCTP or TCP say."""
        while True:
            await asyncio.sleep(ARRIVALS_SECONDS)
            arrived = self._handed_bytes - self._peer.unconfirmed_bytes
            while self._in_air and self._in_air[0][0] <= arrived:
                self._budget.land(self._in_air.popleft()[1])

    async def _do(self, actions: list[Action]) -> Close | None:
        for action in actions:
            match action:
                case SendText(text):
                    await self._send_text(text)
                case SendRange() | SendIndex():
                    try:
                        await self._send_of_clip(action)
                    except StoreError as error:
                        return await self._do(refusal(str(error)))
                case Close():
                    if not action.complete:
                        await self._peer.hang_up()
                    return action
        return None

    async def _send_of_clip(self, wanted: SendRange | SendIndex) -> None:
        if isinstance(wanted, SendRange):
            await self._send_range(wanted.offset, wanted.offset + wanted.length)
            return
        index = await asyncio.to_thread(self._clips.index, self._manifest)
        if index is None:
            raise StoreError(
                _("clip {clip_id}: it does not show where its keyframes are").format(clip_id=self._clip_id)
            )
        await self._send_text(index.model_dump_json())

    async def _send_range(self, start: int, end: int) -> None:
        while start < end:
            frame_bytes = self._budget.chunk_bytes(min(self._peer.frame_bytes_max, end - start))
            frame = await self._ahead.some(start, frame_bytes)
            await self._send_frame(start, frame)
            start += len(frame)

    async def _send_text(self, text: str) -> None:
        """A manifest may be large and cannot be cut: its turns are taken one by one, then it leaves."""
        rest = self._peer.wire_bytes(len(text))
        while rest > 0:
            turn_bytes = self._budget.chunk_bytes(rest)
            self._in_air.append((self._handed_bytes + len(text), await self._turn(turn_bytes)))
            rest -= turn_bytes
        await self._peer.send(text)
        self._handed_bytes += len(text)

    async def _turn(self, size: int) -> Sent:
        """Wait for a turn, and say now and then that it has not come."""
        granted = asyncio.Event()
        wish = self._budget.ask(self._priority, size, granted.set, tracked=True)
        try:
            while wish.sent is None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(WAITING_SECONDS):
                        await granted.wait()
                        continue
                await self._say_waiting()
        except BaseException:
            self._budget.withdraw(wish)
            raise
        return wish.sent

    async def _say_waiting(self) -> None:
        if (barrier := self._budget.barrier(self._priority)) is not None:
            raise TransferError(f"the link may not carry it now: {barrier}")
        if self._holder.puller_waits:
            said = Waiting().model_dump_json()
            await self._budget.take("heartbeat", self._peer.wire_bytes(len(said)))
            self._handed_bytes += len(said)
            await self._peer.send(said)

    async def _send_frame(self, offset: int, data: bytes) -> None:
        frame = pack_frame(offset, data)
        sent = await self._turn(self._peer.wire_bytes(len(frame)))
        self._in_air.append((self._handed_bytes + len(frame), sent))
        await self._peer.send(frame)
        self._handed_bytes += len(frame)
        self.sent_bytes += len(data)
        self._queued.bytes = self._bytes - offset - len(data)

    def _read(self, offset: int, length: int) -> bytes:
        data = b"".join(self._clips.read(self._clip_id, offset, length))
        if len(data) != length:
            raise StoreError(
                _("clip {clip_id}: {length} bytes from {offset} are gone").format(
                    clip_id=self._clip_id, length=length, offset=offset
                )
            )
        return data
