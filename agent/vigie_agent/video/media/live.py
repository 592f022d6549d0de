"""What a camera sees now, as a source of pictures: from the last keyframe in the ring on, without decoding anything.

The pictures since that keyframe leave at once, 1 ms apart by their timestamps, so that a viewer shows the newest one as
soon as it is decoded and plays in time from there on.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Final, Protocol

from vigie_agent.capture.outlet import Outlet
from vigie_agent.capture.packets import Packet, StreamInfo
from vigie_agent.video.media.source import LinkFeedback, MediaFrame
from vigie_shared.errors import CaptureError
from vigie_shared.i18n import gettext as _
from vigie_shared.media import Showing, ShowingReason

BURST_STEP_SECONDS: Final = 0.001
SILENCE_SECONDS: Final = 10.0
BEHIND_SECONDS_MAX: Final = 2.0
"""Pictures that wait for longer are left out, up to the newest keyframe."""


class LiveCamera(Protocol):
    """What live video needs of a camera (`vigie_agent.camera.CameraWatch`)."""

    @property
    def camera_id(self) -> str:
        """Its id."""
        ...

    @property
    def outlet(self) -> Outlet:
        """The stream that is kept."""
        ...

    @property
    def sub_outlet(self) -> Outlet | None:
        """The smaller stream, where there is one."""
        ...


class LiveSource:
    """One stream of one camera (`vigie_agent.video.media.source.MediaSource`)."""

    def __init__(self, outlet: Outlet, showing: Showing, *, silence_seconds: float = SILENCE_SECONDS) -> None:
        self._outlet = outlet
        self._showing = showing
        self._silence_seconds = silence_seconds
        self._waiting: deque[tuple[float, StreamInfo, Packet]] = deque()
        self._stirred = asyncio.Event()
        self._is_closed = self._needs_keyframe = False
        self._due_seconds = 0.0
        self._last: Packet | None = None
        self._unsubscribe: Callable[[], None] = lambda: None
        self.skipped_packets = 0
        """Pictures left out because the link was too slow for them."""

    @property
    def showing(self) -> Showing:
        """What it shows."""
        return self._showing

    async def frames(self) -> AsyncIterator[MediaFrame]:
        """The pictures; raises CaptureError once the camera gives none for `silence_seconds`."""
        loop = asyncio.get_running_loop()

        def listen(stream: StreamInfo, packet: Packet) -> None:
            loop.call_soon_threadsafe(self._take, stream, packet)

        try:
            self._unsubscribe = await asyncio.to_thread(self._outlet.subscribe, listen)
            for stream, packet in self._taken():  # all that is there already is the burst
                frame = self._frame(stream, packet, self._due_seconds + BURST_STEP_SECONDS)
                yield replace(frame, is_overtaken=bool(self._waiting))
            while not self._is_closed:
                for stream, packet in self._taken():
                    if self._needs_keyframe and not packet.is_keyframe:
                        continue
                    self._needs_keyframe = False
                    yield self._frame(stream, packet, self._due_seconds + self._passed_seconds(packet))
                await self._next()
        finally:
            await self.close()

    def want_keyframe(self) -> None:
        """The camera cannot be asked; its next one is at most a GOP away."""

    def adapt(self, feedback: LinkFeedback) -> None:
        """A camera's stream is what it is."""

    async def close(self) -> None:
        """Let go of the camera."""
        self._is_closed = True
        self._stirred.set()
        unsubscribe, self._unsubscribe = self._unsubscribe, lambda: None
        await asyncio.shield(asyncio.to_thread(unsubscribe))

    def _take(self, stream: StreamInfo, packet: Packet) -> None:
        if self._is_closed:
            return
        now_seconds = asyncio.get_running_loop().time()
        self._waiting.append((now_seconds, stream, packet))
        if now_seconds - self._waiting[0][0] > BEHIND_SECONDS_MAX:
            self._skip()
        self._stirred.set()

    def _skip(self) -> None:
        """Go on at the newest keyframe that waits, else at the next one that comes."""
        newest = next((at for at in reversed(range(len(self._waiting))) if self._waiting[at][2].is_keyframe), None)
        dropped = len(self._waiting) if newest is None else newest
        for _packet in range(dropped):
            self._waiting.popleft()
        self.skipped_packets += dropped
        self._needs_keyframe |= newest is None

    def _taken(self) -> Iterator[tuple[StreamInfo, Packet]]:
        """What waits, and what comes while it is given."""
        while self._waiting:
            _arrived, stream, packet = self._waiting.popleft()
            yield stream, packet

    async def _next(self) -> None:
        if self._waiting:
            return
        self._stirred.clear()
        try:
            async with asyncio.timeout(self._silence_seconds):
                await self._stirred.wait()
        except TimeoutError as error:
            raise CaptureError(
                _("camera {camera_id} gives no pictures now").format(camera_id=self._showing.camera_id)
            ) from error

    def _passed_seconds(self, packet: Packet) -> float:
        if self._last is None:
            return BURST_STEP_SECONDS
        return max(BURST_STEP_SECONDS, packet.position_seconds - self._last.position_seconds)

    def _frame(self, stream: StreamInfo, packet: Packet, due_seconds: float) -> MediaFrame:
        if (stream.width_px, stream.height_px) != (self._showing.width_px, self._showing.height_px):
            size = {"width_px": stream.width_px, "height_px": stream.height_px}
            self._showing = self._showing.model_copy(update=size)
        self._last, self._due_seconds = packet, due_seconds
        return MediaFrame(
            packet.data, packet.is_keyframe, packet.at, due_seconds, packet.clock_source, packet.camera_offset_seconds
        )


def unplayable(outlet: Outlet) -> ShowingReason | None:
    """Why browsers do not play this stream as it is; None where they do."""
    if outlet.stream is None:
        return "camera_lost"
    if outlet.stream.codec != "h264":
        return "h265"
    return "b_frames" if outlet.has_b_frames else None
