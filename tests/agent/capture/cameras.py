"""What capture's tests share: a consumer that can be waited for, and packets out of thin air."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction

from vigie_agent.capture.packets import Packet, StreamInfo
from vigie_shared.errors import CaptureError

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TIME_BASE = Fraction(1, 1000)
STREAM = StreamInfo("h264", 320, 192, TIME_BASE, b"", 10.0)


def packet(position_seconds: float, *, keyframe: bool = False, size: int = 100) -> Packet:
    """A packet whose data says nothing."""
    dts = round(position_seconds / TIME_BASE)
    return Packet(b"\x00" * size, dts, dts, 100, TIME_BASE, keyframe, position_seconds, AT)


class Collector:
    """Keeps what a source gives; `wait_until` blocks the test, not the source."""

    def __init__(self) -> None:
        self.streams: list[StreamInfo] = []
        self.packets: list[Packet] = []
        self.losses: list[str] = []
        self.ended = False
        self._changed = threading.Condition()

    def on_stream(self, stream: StreamInfo) -> None:
        with self._changed:
            self.streams.append(stream)
            self._changed.notify_all()

    def on_packet(self, packet: Packet) -> None:
        with self._changed:
            self.packets.append(packet)
            self._changed.notify_all()

    def on_lost(self, error: CaptureError) -> None:
        with self._changed:
            self.losses.append(str(error))
            self._changed.notify_all()

    def on_end(self) -> None:
        with self._changed:
            self.ended = True
            self._changed.notify_all()

    def wait_until(self, condition: Callable[["Collector"], bool], seconds: float = 20) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self), seconds), "it did not come to that"


class FastClock:
    """Time that passes only by waiting: a film of minutes plays in milliseconds."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.waited: list[float] = []

    def now(self) -> datetime:
        return datetime.fromtimestamp(AT.timestamp() + self.seconds, UTC)

    def monotonic_seconds(self) -> float:
        return self.seconds

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        self.seconds += seconds
        return False
