"""A stream as others take it: from its newest keyframe on, then as it comes."""

import threading
from collections.abc import Callable, Iterable

from vigie_agent.capture.packets import Packet, StreamInfo

PacketListener = Callable[[StreamInfo, Packet], None]


class Outlet:
    """One stream of one camera."""

    def __init__(self, newest_gop: Callable[[], Iterable[Packet]], guard: threading.RLock) -> None:
        """`newest_gop` tells, under `guard`, the packets since the newest keyframe."""
        self._newest_gop = newest_gop
        self._guard = guard
        self._listeners: tuple[PacketListener, ...] = ()
        self._shown_seconds = 0.0
        self.stream: StreamInfo | None = None
        """What comes now; None while nothing does."""
        self.has_b_frames = False
        """Whether pictures of it came out of order."""

    def feed(self, packet: Packet) -> None:
        """Hand on the newest packet, under the guard."""
        self.has_b_frames |= packet.presented_seconds < self._shown_seconds
        self._shown_seconds = packet.presented_seconds
        if self.stream is not None:
            for listener in self._listeners:
                listener(self.stream, packet)

    def begin(self, stream: StreamInfo) -> None:
        """What follows is of `stream`."""
        self.stream, self.has_b_frames, self._shown_seconds = stream, False, 0.0

    def end(self) -> None:
        """Nothing comes until further notice."""
        self.stream = None

    def subscribe(self, listener: PacketListener) -> Callable[[], None]:
        """Call `listener` with the packets since the newest keyframe, then with each as it comes.

        It runs on the camera's thread and must return at once. Returns what ends the subscription. Both may block for
        as long as the camera's thread takes over a picture.
        """
        with self._guard:
            if self.stream is not None:
                for packet in self._newest_gop():
                    listener(self.stream, packet)
            self._listeners = (*self._listeners, listener)

        def unsubscribe() -> None:
            with self._guard:
                self._listeners = tuple(kept for kept in self._listeners if kept is not listener)

        return unsubscribe
