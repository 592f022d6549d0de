"""What is kept around a motion: packets in, finished recordings out, and each GOP as soon as it is complete."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from vigie_agent.capture.packets import Packet, StreamInfo
from vigie_agent.clips.begun import ClipBegun, OnSegment
from vigie_agent.clips.remux import RemuxedClip, Remuxer
from vigie_shared.errors import CaptureError
from vigie_shared.ids import unique_id

CLIP_BYTES_MAX: Final = 256 * 1024 * 1024
"""A recording is finished at this size even without a keyframe; footage goes on at the next one."""


@dataclass(frozen=True, slots=True)
class RecordedClip:
    """Consecutive packets of one motion, a keyframe first."""

    motion_id: str
    stream: StreamInfo
    packets: tuple[Packet, ...]
    clip_id: str = ""
    made: RemuxedClip | None = None
    """Its bytes, where they were handed on GOP by GOP."""


class _Growing:
    """The bytes of an open clip, handed on segment by segment."""

    def __init__(self, begun: ClipBegun, stream: StreamInfo, on_segment: OnSegment) -> None:
        self.begun = begun
        self._on_segment = on_segment
        self._remuxer: Remuxer | None = Remuxer(stream)
        self._segments: list[bytes] = []

    def feed(self, packet: Packet) -> None:
        """What cannot be remuxed is not handed on; the end of the recording says why."""
        if self._remuxer is None:
            return
        try:
            done = self._remuxer.feed(packet)
        except CaptureError:
            self._remuxer.close()
            self._remuxer = None
            return
        for segment in done:
            self._on_segment(self.begun, len(self._segments), segment)
            self._segments.append(segment)

    def finish(self) -> RemuxedClip | None:
        try:
            return self._remuxer.finish(tuple(self._segments)) if self._remuxer is not None else None
        except CaptureError:
            return None


@dataclass(slots=True)
class _Recording:
    motion_id: str
    stream: StreamInfo
    camera_id: str
    on_segment: OnSegment | None
    packets: list[Packet] = field(default_factory=list)
    size_bytes: int = 0
    until_seconds: float | None = None
    """Where the post-roll ends, once the motion has ended."""
    growing: _Growing | None = None

    def append(self, packet: Packet) -> None:
        if not (self.packets or packet.is_keyframe):
            return
        if not self.packets and self.on_segment is not None:
            self.growing = self._begin(packet, self.on_segment)
        self.packets.append(packet)
        self.size_bytes += len(packet.data)
        if self.growing is not None:
            self.growing.feed(packet)

    def take(self) -> RecordedClip:
        growing, self.growing = self.growing, None
        clip_id, made = (growing.begun.clip_id, growing.finish()) if growing is not None else ("", None)
        taken = RecordedClip(self.motion_id, self.stream, tuple(self.packets), clip_id, made)
        self.packets, self.size_bytes = [], 0
        return taken

    def _begin(self, first: Packet, on_segment: OnSegment) -> _Growing | None:
        begun = ClipBegun(
            clip_id=unique_id(first.at),
            motion_id=self.motion_id,
            camera_id=self.camera_id,
            at=first.at,
            codec=self.stream.codec,
            width_px=self.stream.width_px,
            height_px=self.stream.height_px,
        )
        try:
            return _Growing(begun, self.stream, on_segment)
        except CaptureError:
            return None


class ClipRecorder:
    """Keeps pre-roll, motion and post-roll; long motions become consecutive clips, cut at keyframes.

    A motion that starts while another's post-roll still runs is recorded beside it: every clip is complete in itself.
    """

    def __init__(
        self,
        post_roll_seconds: float,
        clip_seconds_max: float,
        camera_id: str = "",
        on_segment: OnSegment | None = None,
    ) -> None:
        """`on_segment` hears of each segment of an open clip; its last one comes with the clip alone."""
        self._camera_id = camera_id
        self._on_segment = on_segment
        self._post_roll_seconds = post_roll_seconds
        self._clip_seconds_max = clip_seconds_max
        self._open: list[_Recording] = []

    @property
    def is_recording(self) -> bool:
        """Whether packets are being kept."""
        return bool(self._open)

    def motion_started(self, motion_id: str, stream: StreamInfo, pre_roll: Sequence[Packet]) -> list[RecordedClip]:
        """Begin with `pre_roll`, which ends with the newest packet."""
        recording = _Recording(motion_id, stream, self._camera_id, self._on_segment)
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
