"""A camera's two roles: motion is watched on its small stream, while the large one is kept and its plates are read.

While the small stream is away, the large one is watched as if there were no other.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import structlog

from vigie_agent.camera_settings import CameraSettings
from vigie_agent.capture.alignment import Alignment
from vigie_agent.capture.consumer import SourceStatistics
from vigie_agent.capture.ingest import Ingest, open_source
from vigie_agent.capture.outlet import Outlet
from vigie_agent.capture.packets import Codec, Packet, StreamInfo
from vigie_agent.capture.ring import GopRing
from vigie_agent.motion.budget import DecodeBudget
from vigie_agent.motion.decoder import FrameDecoder
from vigie_agent.motion.detector import MotionChange
from vigie_agent.motion.watch import CATCH_UP_PACKETS, MotionWatch, Observation, Seen
from vigie_shared.clock import Clock
from vigie_shared.errors import CaptureError

WAITING_BYTES_MAX: Final = 32 * 1024**2
GOP_BYTES_MAX: Final = 4 * 1024**2

log = structlog.get_logger(__name__)


class SubStream:
    """Watches the small stream from `start` to `stop`, in times of the large one."""

    def __init__(
        self,
        camera: CameraSettings,
        clock: Clock,
        ingest: Ingest | None,
        *,
        watch: Callable[[StreamInfo], MotionWatch],
        tell: Callable[[Iterable[MotionChange | Seen]], None],
        guard: threading.RLock,
    ) -> None:
        """`tell` hears, under `guard`, what was seen; `watch` makes what sees."""
        self._source = open_source(camera.model_copy(update={"source": camera.sub_source}), self, clock, ingest=ingest)
        self._watch = watch
        self._tell = tell
        self._guard = guard
        self._stream: StreamInfo | None = None
        self._ring = GopRing(0, GOP_BYTES_MAX)
        self.outlet = Outlet(self._ring.newest_gop, guard)
        """The small stream, for whoever watches live."""
        self._alignment = Alignment()
        self._log = log.bind(camera_id=camera.camera_id)
        self.motion: MotionWatch | None = None
        """What watches now; None while the large stream must be watched itself."""
        self.start = self._source.start
        self.stop = self._source.stop

    def statistics(self) -> SourceStatistics:
        """How receiving it fares."""
        return self._source.statistics()

    def follow(self, packet: Packet) -> None:
        """The newest packet of the large stream."""
        self._alignment.lead(packet)

    def finish(self) -> None:
        """The large stream is gone: what is seen meanwhile belongs to nothing."""
        self._alignment.clear()
        self._end()

    def on_stream(self, stream: StreamInfo) -> None:
        """It is there."""
        with self._guard:
            self._end()
            self._stream = stream
            self._ring.clear()
            self.outlet.begin(stream)

    def on_packet(self, packet: Packet) -> None:
        """Watch."""
        with self._guard:
            self._ring.append(packet)
            self.outlet.feed(packet)
            placed = self._alignment.place(packet)
            if placed is None or self._stream is None:
                return
            if self.motion is None:
                if not packet.is_keyframe:
                    return
                self.motion = self._watch(self._stream)
            self._tell(self.motion.feed(placed))

    def on_lost(self, error: CaptureError) -> None:
        """From now on the large stream is watched."""
        with self._guard:
            self._log.warning("sub-stream lost: the main stream is watched meanwhile", reason=str(error))
            self._leave()

    def on_end(self) -> None:
        """A film of the small stream was shorter."""
        with self._guard:
            self._leave()

    def _leave(self) -> None:
        self._end()
        self._stream = None
        self._ring.clear()
        self.outlet.end()

    def _end(self) -> None:
        motion, self.motion = self.motion, None
        if motion is not None:
            self._tell(motion.finish())


class LedPictures:
    """Decodes the large stream while something moves on the small one: for plates, which need its detail."""

    def __init__(
        self,
        codec: Codec,
        budget: DecodeBudget,
        *,
        bytes_max: int = WAITING_BYTES_MAX,
        room: Callable[[], int] | None = None,
    ) -> None:
        """`room` says how many pictures can be taken now: no more are caught up with."""
        self._codec = codec
        self._room = room
        self._budget = budget
        self._bytes_max = bytes_max
        self._waiting: deque[Packet] = deque()
        self._waiting_bytes = 0
        self._decoder: FrameDecoder | None = None
        self._is_moving = self._is_settled = False
        self.skipped_packets = 0

    @property
    def is_behind(self) -> bool:
        """Whether packets wait to be decoded."""
        return bool(self._waiting)

    def begin(self, packets: Sequence[Packet]) -> None:
        """Something moves: `packets` lead up to it, from a keyframe on."""
        self._is_moving, self._is_settled = True, False
        if not self._waiting and self._decoder is None:
            for packet in packets:
                self._queue(packet)

    def end(self) -> None:
        """Nothing moves any more: what waits is still decoded."""
        self._is_moving = False

    def settle(self) -> None:
        """Nobody needs more pictures of this motion."""
        if not self._is_settled:
            self._is_settled = True
            self._forget()

    def unsettle(self) -> None:
        """They are needed again."""
        self._is_settled = False

    def feed(self, packet: Packet) -> Observation:
        """The newest packet; gives pictures where there is a decoder to spare."""
        if self._is_moving and not self._is_settled:
            self._queue(packet)
        if not self._waiting:
            if not self._is_moving or self._is_settled:
                self.rest()
            return []
        if self._decoder is None:
            if not self._budget.take():
                return []
            self._decoder = FrameDecoder(self._codec)
        seen: Observation = []
        room = CATCH_UP_PACKETS if self._room is None else self._room()
        for index in range(min(CATCH_UP_PACKETS, len(self._waiting))):
            if index and len(seen) >= room:
                break
            taken = self._waiting.popleft()
            self._waiting_bytes -= len(taken.data)
            seen += [Seen(frame, None) for frame in self._decoder.decode(taken)]
        return seen

    def rest(self) -> None:
        """Decode nothing more."""
        self._forget()
        if self._decoder is not None:
            self._decoder = None
            self._budget.give_back()

    def _queue(self, packet: Packet) -> None:
        self._waiting.append(packet)
        self._waiting_bytes += len(packet.data)
        if self._waiting_bytes > self._bytes_max:
            self.skipped_packets += len(self._waiting)
            self._forget()

    def _forget(self) -> None:
        self._waiting.clear()
        self._waiting_bytes = 0
