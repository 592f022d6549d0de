"""What a stream takes: bits a second and its largest keyframe, counted as it passes; or as a transcode is set."""

from typing import Final, NamedTuple

from vigie_agent.capture.outlet import Outlet
from vigie_agent.capture.packets import Packet, StreamInfo
from vigie_agent.video.ladder.ladder import RungCost
from vigie_agent.video.ladder.transcoder import Target
from vigie_shared.media import Rung

HEADERS: Final = 1.08
"""What a rung takes on the wire, for each bit of its pictures."""

_SHARE: Final = 0.3
"""Of the newest group of pictures in the average."""
_FRAME_SECONDS: Final = 0.04


def cost_of(rung: Rung, target: Target) -> RungCost:
    """Of a transcode: it takes more where there is more, but is worth seeing from half way up."""
    bits = (target.bits_per_second + target.bits_per_second_min) / 2
    return RungCost(rung, HEADERS * bits, target.buffered_bits)


class Taken(NamedTuple):
    """What a stream takes; replaced as a whole, so that any thread may read it."""

    bits_per_second: float
    keyframe_bits: float
    keyframe_seconds: float
    """Between two keyframes."""


class StreamMeter:
    """Listens to an outlet until closed. `taken` is None before the first picture."""

    def __init__(self, outlet: Outlet) -> None:
        """Blocks for as long as the camera's thread takes over a picture."""
        self.taken: Taken | None = None
        self._key: tuple[float, int] | None = None
        self._bits = 0
        self._is_whole = False
        self._unsubscribe = outlet.subscribe(self._feed)

    def close(self) -> None:
        """Listen no more; may block as long."""
        self._unsubscribe()

    def _feed(self, _stream: StreamInfo, packet: Packet) -> None:
        bits = 8 * len(packet.data)
        if packet.is_keyframe:
            self._end_gop(packet.position_seconds)
            self._key, self._bits = (packet.position_seconds, bits), bits
            return
        if self._key is None:
            return
        self._bits += bits
        if not self._is_whole:
            seconds = packet.position_seconds - self._key[0] + _FRAME_SECONDS
            self.taken = Taken(self._bits / seconds, self._key[1], max(1.0, seconds))

    def _end_gop(self, position_seconds: float) -> None:
        if self._key is None or position_seconds <= self._key[0]:
            return
        seconds = position_seconds - self._key[0]
        now = Taken(self._bits / seconds, self._key[1], seconds)
        if self._is_whole and self.taken is not None:
            mixed = [before + _SHARE * (after - before) for before, after in zip(self.taken, now, strict=True)]
            now = Taken(mixed[0], max(mixed[1], now.keyframe_bits), mixed[2])
        self.taken, self._is_whole = now, True
