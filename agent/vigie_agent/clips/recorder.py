"""What is kept around a motion: packets in, finished recordings out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from vigie_agent.capture.packets import Packet, StreamInfo

CLIP_BYTES_MAX: Final = 256 * 1024 * 1024
"""A recording is finished at this size even without a keyframe; footage goes on at the next one."""


@dataclass(frozen=True, slots=True)
class RecordedClip:
    """Consecutive packets of one motion, a keyframe first."""

    motion_id: str
    stream: StreamInfo
    packets: tuple[Packet, ...]


@dataclass(slots=True)
class _Recording:
    motion_id: str
    stream: StreamInfo
    packets: list[Packet] = field(default_factory=list)
    size_bytes: int = 0
    until_seconds: float | None = None
    """Where the post-roll ends, once the motion has ended."""

    def append(self, packet: Packet) -> None:
        if self.packets or packet.is_keyframe:
            self.packets.append(packet)
            self.size_bytes += len(packet.data)

    def take(self) -> RecordedClip:
        taken = RecordedClip(self.motion_id, self.stream, tuple(self.packets))
        self.packets, self.size_bytes = [], 0
        return taken


class ClipRecorder:
    """Keeps pre-roll, motion and post-roll; long motions become consecutive clips, cut at keyframes.

    A motion that starts while another's post-roll still runs is recorded beside it: every clip is complete in itself.
    """

    def __init__(self, post_roll_seconds: float, clip_seconds_max: float) -> None:
        self._post_roll_seconds = post_roll_seconds
        self._clip_seconds_max = clip_seconds_max
        self._open: list[_Recording] = []

    @property
    def is_recording(self) -> bool:
        """Whether packets are being kept."""
        return bool(self._open)

    def motion_started(self, motion_id: str, stream: StreamInfo, pre_roll: Sequence[Packet]) -> list[RecordedClip]:
        """Begin with `pre_roll`, which ends with the newest packet."""
        recording = _Recording(motion_id, stream)
        self._open.append(recording)
        return [clip for packet in pre_roll for clip in self._extend(recording, packet)]

    def motion_ended(self, motion_id: str, position_seconds: float) -> None:
        """Keep the post-roll, counted from `position_seconds`, then finish."""
        for recording in self._open:
            if recording.motion_id == motion_id:
                recording.until_seconds = position_seconds + self._post_roll_seconds

    def feed(self, packet: Packet) -> list[RecordedClip]:
        """Add the newest packet; returns what it finished."""
        clips: list[RecordedClip] = []
        for recording in list(self._open):
            if recording.until_seconds is not None and packet.position_seconds > recording.until_seconds:
                self._open.remove(recording)
                clips += [recording.take()] if recording.packets else []
            else:
                clips += self._extend(recording, packet)
        return clips

    def finish(self) -> list[RecordedClip]:
        """No packets follow: whatever is open ends here."""
        clips = [recording.take() for recording in self._open if recording.packets]
        self._open.clear()
        return clips

    def _extend(self, recording: _Recording, packet: Packet) -> list[RecordedClip]:
        clips: list[RecordedClip] = []
        if recording.packets and self._is_full(recording, packet):
            clips.append(recording.take())
        recording.append(packet)
        return clips

    def _is_full(self, recording: _Recording, packet: Packet) -> bool:
        if recording.size_bytes + len(packet.data) > CLIP_BYTES_MAX:
            return True
        length_seconds = packet.position_seconds - recording.packets[0].position_seconds
        return packet.is_keyframe and length_seconds >= self._clip_seconds_max
