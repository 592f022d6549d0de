"""Pictures of one RTSP stream become raw packets, with the stream that they belong to."""

from fractions import Fraction

from vigie_agent.capture import nal
from vigie_agent.capture.order import DecodingOrder
from vigie_agent.capture.packets import RawPacket, StreamInfo
from vigie_agent.capture.parameter_sets import Sequence, parse_sequence
from vigie_agent.rtsp.pictures import Picture
from vigie_agent.rtsp.reports import SenderReport
from vigie_agent.rtsp.sdp import VideoTrack

_FRAMES_PER_SECOND_MAX = 240.0


class RtspStream:
    """Describes itself anew when a keyframe brings other parameter sets."""

    def __init__(self, track: VideoTrack) -> None:
        self._track = track
        self._time_base = Fraction(1, track.clock_hz)
        self._order = DecodingOrder(track.clock_hz)
        self._sets = b""
        self.info: StreamInfo | None = None
        """Known from the first keyframe on whose parameter sets make sense."""

    @property
    def has_b_frames(self) -> bool:
        """Whether pictures came out of order."""
        return self._order.has_b_frames

    def packet(self, picture: Picture, report: SenderReport | None) -> RawPacket:
        """`picture` as a packet."""
        if picture.is_keyframe:
            self._describe(picture.data)
        ticks = picture.ticks
        return RawPacket(
            data=picture.data,
            pts=ticks,
            dts=self._order.decoding_ticks(ticks),
            duration=0,
            time_base=self._time_base,
            is_keyframe=picture.is_keyframe,
            camera_unix_seconds=report.unix_seconds_at(ticks, self._track.clock_hz) if report else None,
        )

    def _describe(self, keyframe: bytes) -> None:
        codec = self._track.codec
        sets = nal.parameter_sets(codec, keyframe)
        if sets == self._sets:
            return
        found = self._sequence(sets)
        if found is None:
            return
        self._sets = sets
        self._order.limit(found.reorder_frames_max)
        rate = self._track.frames_per_second or found.frames_per_second
        self.info = StreamInfo(
            codec=codec,
            width_px=found.width_px,
            height_px=found.height_px,
            time_base=self._time_base,
            extradata=sets,
            frames_per_second=rate if rate <= _FRAMES_PER_SECOND_MAX else 0.0,
        )

    def _sequence(self, sets: bytes) -> Sequence | None:
        codec = self._track.codec
        wanted = nal.SEQUENCE_SET[codec]
        for unit in nal.nal_units(sets):
            if nal.nal_type(codec, unit) == wanted and (found := parse_sequence(codec, unit)) is not None:
                return found
        return None
