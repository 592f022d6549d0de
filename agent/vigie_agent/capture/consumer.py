"""What a source gives, and who takes it."""

from dataclasses import dataclass, replace
from typing import Protocol

from vigie_agent.capture.packets import Packet, StreamInfo
from vigie_shared.errors import CaptureError


class PacketConsumer(Protocol):
    """Takes what a source gives: in order, one call at a time, not always on the same thread."""

    def on_stream(self, stream: StreamInfo) -> None:
        """Packets of `stream` follow: at the start, and after each loss."""
        ...

    def on_packet(self, packet: Packet) -> None:
        """The next packet."""
        ...

    def on_lost(self, error: CaptureError) -> None:
        """No packets come; called once per loss."""
        ...

    def on_end(self) -> None:
        """A file that is not looped has been played to its end."""
        ...


@dataclass(frozen=True, slots=True)
class SourceStatistics:
    """What a source has done and seen since its start."""

    path: str = "ffmpeg"
    """Who receives: `vigie`, our own RTSP client, or `ffmpeg`."""
    cpu_seconds: float = 0.0
    """Processor time of receiving, and of what the consumer did with it on the same thread."""
    losses: int = 0
    """How often the camera was lost."""
    lost_packets: int = 0
    """RTP packets that never came."""
    lost_pictures: int = 0
    """Pictures not handed on for want of them."""
    dropped_packets: int = 0
    """Packets that the consumer was too slow for."""
    has_b_frames: bool = False

    def with_other(self, other: "SourceStatistics") -> "SourceStatistics":
        """Both together; `path` and `has_b_frames` are those of this one."""
        return replace(
            self,
            cpu_seconds=self.cpu_seconds + other.cpu_seconds,
            losses=self.losses + other.losses,
            lost_packets=self.lost_packets + other.lost_packets,
            lost_pictures=self.lost_pictures + other.lost_pictures,
            dropped_packets=self.dropped_packets + other.dropped_packets,
        )


class Source(Protocol):
    """A camera that is being received."""

    def start(self) -> None:
        """Begin."""
        ...

    def stop(self) -> None:
        """End; the consumer hears nothing afterwards."""
        ...

    def statistics(self) -> SourceStatistics:
        """How it fares."""
        ...
