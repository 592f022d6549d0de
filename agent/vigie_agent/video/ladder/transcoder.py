"""A stream made small: decoded, scaled down by area, eight pictures a second of H.264 in at most 300 kbit/s.

aiortc's own encoder never goes below 500 kbit/s. The rung is written on the picture, in letters that are the same in
every language; the viewer's page says it in words.
"""

import heapq
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final, Literal

import av
from av.codec.context import Flags
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import Interpolation

from vigie_agent.capture.packets import Codec
from vigie_agent.video.ladder.label import burn
from vigie_agent.video.media.source import MediaFrame

KEYFRAME_SECONDS: Final = 10.0
"""Between keyframes that nobody asked for."""
_CLOCK_RATE: Final = 90_000
_HELD_MAX: Final = 64
"""Pictures that a decoder may hold back."""

Keep = Literal["never", "in_turn", "always"]
"""Of a decoded picture: only others build on it; one of eight a second; whatever the rate."""


@dataclass(frozen=True, slots=True)
class Target:
    """What comes out of a transcode."""

    label: str
    """Written on the picture; the same in every language."""
    width_max_px: int
    height_max_px: int
    frames_per_second: int
    bits_per_second: int
    bits_per_second_min: int
    """Worse than this is of no use."""
    buffered_bits: int
    """The largest keyframe."""


LOW: Final = Target("LOW", 640, 360, 8, 260_000, 100_000, 130_000)
"""With headers of RTP, SRTP, UDP and IP it stays below 300 kbit/s."""
CLIP: Final = replace(LOW, label="CLIP")
STILLS: Final = Target("STILL", 320, 180, 1, 48_000, 24_000, 64_000)


class Transcoder:
    """Coded pictures in, small ones out. Blocks: for one thread at a time.

    Damage costs what follows up to the next keyframe.
    """

    def __init__(self, codec: Codec, *, reorders: bool = False, target: Target = LOW) -> None:
        self._reorders = reorders
        self.target = target
        self._frame_seconds = 1 / target.frames_per_second
        self._decoder = open_decoder(codec, reorders=reorders)
        self._encoder: VideoCodecContext | None = None
        self._source_size: tuple[int, int] = (0, 0)
        self._held: dict[int, tuple[MediaFrame, Keep]] = {}
        self._dues_seconds: list[float] = []
        """A heap: pictures come out in another order than they went in, and take the dues in turn."""
        self._number = 0
        self._needs_keyframe = True
        self._wants_keyframe = True
        self._next_due_seconds = float("-inf")
        self._pts = -1
        self._bits = target.bits_per_second
        self.size_px: tuple[int, int] = (0, 0)
        """Of what comes out, once something did."""
        self.damaged = 0
        """Pictures that could not be decoded."""

    def want_keyframe(self) -> None:
        """The next picture can be decoded alone."""
        self._wants_keyframe = True

    def limit(self, bits_per_second: float) -> None:
        """From the next picture on take no more than this, within what its target says; from any thread."""
        self._bits = round(min(self.target.bits_per_second, max(self.target.bits_per_second_min, bits_per_second)))

    def feed(
        self, frame: MediaFrame, keep: Keep = "in_turn", *, anew: bool = False, alone: bool = False
    ) -> list[MediaFrame]:
        """Take the next picture in decoding order.

        With `anew`, what is held back is no longer wanted; with `alone`, nothing that builds on this one follows.
        """
        if anew:
            self._forget()
        if frame.is_keyframe:
            if self._needs_keyframe:
                self._held.clear()
                self._dues_seconds.clear()
            self._needs_keyframe = False
        elif self._needs_keyframe:
            return []
        try:
            decoded = self._decoder.decode(self._packet(frame, keep))
            if alone and self._reorders:
                decoded += self._decoder.decode(None)
                self._forget()
        except av.FFmpegError:
            self.damaged += 1
            self._forget()
            return []
        return [made for picture in decoded for made in self._made(picture)]

    def _forget(self) -> None:
        """What follows builds on nothing."""
        self._decoder.flush_buffers()
        self._needs_keyframe = True

    def _packet(self, frame: MediaFrame, keep: Keep) -> "av.Packet[Stream]":
        self._number += 1
        self._held[self._number] = (frame, keep)
        heapq.heappush(self._dues_seconds, frame.due_seconds)
        while len(self._held) > _HELD_MAX:
            del self._held[next(iter(self._held))]
            heapq.heappop(self._dues_seconds)
        packet: av.Packet[Stream] = av.Packet(frame.data)
        packet.pts = packet.dts = self._number
        return packet

    def _made(self, picture: VideoFrame) -> list[MediaFrame]:
        found = self._held.pop(picture.pts or 0, None)
        if found is None:
            return []
        frame, keep = found
        due_seconds = heapq.heappop(self._dues_seconds)
        return self._encode(picture, replace(frame, due_seconds=due_seconds)) if self._is_due(due_seconds, keep) else []

    def _is_due(self, due_seconds: float, keep: Keep) -> bool:
        if keep == "never" or (keep == "in_turn" and due_seconds < self._next_due_seconds - 0.001):
            return False
        self._next_due_seconds = max(self._next_due_seconds + self._frame_seconds, due_seconds)
        if self._next_due_seconds - due_seconds < self._frame_seconds / 2:  # the first one, or after a pause
            self._next_due_seconds = due_seconds + self._frame_seconds
        return True

    def _encode(self, picture: VideoFrame, frame: MediaFrame) -> list[MediaFrame]:
        if self._encoder is None or (picture.width, picture.height) != self._source_size:
            self._source_size = (picture.width, picture.height)
            self.size_px = fitted(picture.width, picture.height, self.target)
            self._encoder = _open_encoder(*self.size_px, self.target)
            self._wants_keyframe = True
        small = shrunk(picture, self.size_px, self.target.label)
        if self._encoder.bit_rate != self._bits:
            self._encoder.bit_rate = self._bits  # libx264 takes it from the next picture on
        self._pts = max(self._pts + 1, round(frame.due_seconds * _CLOCK_RATE))
        small.pts, small.time_base = self._pts, Fraction(1, _CLOCK_RATE)
        small.pict_type = PictureType.I if self._wants_keyframe else PictureType.NONE
        self._wants_keyframe = False
        return [
            replace(frame, data=bytes(packet), is_keyframe=packet.is_keyframe, is_overtaken=False)
            for packet in self._encoder.encode(small)
        ]


def open_decoder(codec: Codec, *, reorders: bool) -> VideoCodecContext:
    """One thread's, and no slower than it must be."""
    decoder = av.CodecContext.create(codec, "r")
    decoder.thread_type = av.codec.context.ThreadType.NONE
    decoder.thread_count = 1
    # Without its loop filter a picture that others build on would spoil them; B-frames' can go.
    decoder.options = {"skip_loop_filter": "noref"}
    if not reorders:
        decoder.flags |= Flags.low_delay
    return decoder


def shrunk(picture: VideoFrame, size_px: tuple[int, int], label: str) -> VideoFrame:
    """A picture of its own in that size, which says what it is."""
    small = picture.reformat(*size_px, "yuv420p", interpolation=Interpolation.AREA)
    if small is picture:  # the decoder may still build on it
        small = VideoFrame.from_ndarray(picture.to_ndarray(), format="yuv420p")
    burn(small, label)
    return small


def fitted(width_px: int, height_px: int, target: Target = LOW) -> tuple[int, int]:
    """The size within that of `target` that keeps the shape; even, never larger than it was."""
    share = min(1.0, target.width_max_px / width_px, target.height_max_px / height_px)
    return max(16, round(width_px * share / 2) * 2), max(16, round(height_px * share / 2) * 2)


def _open_encoder(width_px: int, height_px: int, target: Target) -> VideoCodecContext:
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width_px, height_px, "yuv420p"
    encoder.time_base = Fraction(1, _CLOCK_RATE)
    encoder.framerate = Fraction(target.frames_per_second)
    encoder.bit_rate = target.bits_per_second
    encoder.gop_size = round(KEYFRAME_SECONDS * target.frames_per_second)
    encoder.thread_count = 1
    encoder.options = {
        "preset": "veryfast",
        "tune": "zerolatency",
        "profile": "baseline",
        "forced-idr": "1",
        "maxrate": str(target.bits_per_second),
        "bufsize": str(target.buffered_bits),
    }
    return encoder
