"""Transcodes off the event loop: a bounded number of them, in threads that give way to capture."""

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from vigie_agent.capture.packets import Codec
from vigie_agent.video.ladder.transcoder import LOW, Keep, Target, Transcoder, fitted
from vigie_agent.video.media.source import LinkFeedback, MediaFrame, MediaSource
from vigie_shared.errors import CaptureError
from vigie_shared.i18n import gettext as _
from vigie_shared.media import Rung, Showing, ShowingReason

Made = TypeVar("Made")

NICENESS: Final = 5
LIMIT: Final = 0.7
"""Of what is estimated: the pacer lets 0.9 of it through, and headers and repairs take their part."""


class Transcoders:
    """All transcodes of an agent; each open one may keep a core busy."""

    def __init__(self, count_max: int | None = None) -> None:
        """`count_max`: how many at once; half of the cores where None."""
        self.count_max = count_max if count_max is not None else max(1, (os.cpu_count() or 2) // 2)
        self.open_count = 0
        self._threads = ThreadPoolExecutor(max(1, self.count_max), "transcode", initializer=_give_way)

    @property
    def has_room(self) -> bool:
        """Whether one more may be opened."""
        return self.open_count < self.count_max

    def open(self, codec: Codec, *, reorders: bool, target: Target = LOW) -> "Transcode":
        """Raises CaptureError where as many as may are open."""
        if not self.has_room:
            raise CaptureError(
                _("{count} streams are made small already, as many as this box may; try again later").format(
                    count=self.open_count
                )
            )
        self.open_count += 1
        return Transcode(self, Transcoder(codec, reorders=reorders, target=target))

    @contextlib.contextmanager
    def room(self) -> Iterator[None]:
        """Count as one that is open: something else decodes a whole stream. Ask `has_room` first."""
        self.open_count += 1
        try:
            yield
        finally:
            self.open_count -= 1

    async def run(self, step: Callable[[], Made]) -> Made:
        """Run one step in a thread, to its end whatever happens to who waits: a decoder is for one thread at a time."""
        running = asyncio.get_running_loop().run_in_executor(self._threads, step)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            with contextlib.suppress(Exception):
                await running
            raise

    def close(self) -> None:
        """End the threads; waits for the picture that each is at."""
        self._threads.shutdown()


class Transcode:
    """One that is open; close it."""

    def __init__(self, all_of_them: Transcoders, transcoder: Transcoder) -> None:
        self._all = all_of_them
        self._transcoder = transcoder
        self._is_open = True

    @property
    def target(self) -> Target:
        """What comes out of it."""
        return self._transcoder.target

    @property
    def size_px(self) -> tuple[int, int]:
        """Of what comes out, once something did."""
        return self._transcoder.size_px

    async def feed(
        self, frame: MediaFrame, keep: Keep = "in_turn", *, anew: bool = False, alone: bool = False
    ) -> list[MediaFrame]:
        """The small pictures that `frame` completes (`Transcoder.feed`)."""
        return await self._all.run(lambda: self._transcoder.feed(frame, keep, anew=anew, alone=alone))

    def want_keyframe(self) -> None:
        """The next picture can be decoded alone."""
        self._transcoder.want_keyframe()

    def limit(self, bits_per_second: float) -> None:
        """Take no more than this, within what its target says."""
        self._transcoder.limit(bits_per_second)

    def close(self) -> None:
        """Make room for another one; once is enough."""
        if self._is_open:
            self._is_open = False
            self._all.open_count -= 1


class TranscodedSource:
    """Another source made small (`vigie_agent.video.media.source.MediaSource`)."""

    def __init__(self, source: MediaSource, transcode: Transcode, *, rung: Rung, reason: ShowingReason) -> None:
        self._source = source
        self._transcode = transcode
        self._rung = rung
        self._reason: ShowingReason = reason

    @property
    def showing(self) -> Showing:
        """What it shows."""
        source = self._source.showing
        width, height = self._transcode.size_px
        if not width and source.width_px and source.height_px:
            width, height = fitted(source.width_px, source.height_px, self._transcode.target)
        said = {"rung": self._rung, "reason": self._reason, "width_px": width, "height_px": height, "codec": "h264"}
        return source.model_copy(update=said)

    async def frames(self) -> AsyncIterator[MediaFrame]:
        """Eight pictures a second; raises what the source raises."""
        async with contextlib.aclosing(self._source.frames()) as frames:  # type: ignore[type-var]
            async for frame in frames:
                for small in await self._transcode.feed(frame):
                    yield small

    def want_keyframe(self) -> None:
        """The next one is."""
        self._transcode.want_keyframe()

    def adapt(self, feedback: LinkFeedback) -> None:
        """Take what leaves through the pacer without waiting."""
        if feedback.estimate_bits_per_second is not None:
            self._transcode.limit(LIMIT * feedback.estimate_bits_per_second)

    async def close(self) -> None:
        """Let go of the source, and make room for another transcode."""
        self._transcode.close()
        await self._source.close()


def _give_way() -> None:
    """Whoever captures and watches goes first."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
