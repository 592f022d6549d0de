"""A clip of H.264 of the size and rate asked for, looped: as frames in memory, and as a file for GStreamer."""

from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.bitstream import BitStreamFilterContext

FRAMES_PER_SECOND: Final = 25
PHASES: Final = 8
"""Streams send one after the other, not all at once: cameras know nothing of each other."""
_SECONDS: Final = 4
_GROUP_FRAMES: Final = 50


def make_clip(path: Path, width: int, height: int, bits_per_second: int, seconds: float) -> None:
    """An MP4 of `seconds`, made of four seconds of noise that drifts, over and over."""
    rng = np.random.default_rng(1)
    wall = rng.integers(40, 200, (height // 8 + 2, width // 8 + 2), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND, options=_options(bits_per_second))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.bit_rate, stream.gop_size = bits_per_second, _GROUP_FRAMES
        packets = []
        for number in range(_SECONDS * FRAMES_PER_SECOND):
            packets += stream.encode(_picture(wall, number, width, height, rng))
        packets += stream.encode(None)
        contents = [(bytes(packet), packet.is_keyframe) for packet in packets]
        for number in range(round(seconds * FRAMES_PER_SECOND)):
            content, is_keyframe = contents[number % len(contents)]
            packet = av.Packet(content)
            packet.stream, packet.time_base = stream, Fraction(1, FRAMES_PER_SECOND)
            packet.pts = packet.dts = number
            packet.is_keyframe = is_keyframe
            container.mux(packet)


def read_frames(path: Path) -> list[tuple[bytes, bool]]:
    """Access units in Annex B, with parameter sets at keyframes; as many as are not repeated."""
    frames: list[tuple[bytes, bool]] = []
    with av.open(path) as container:
        annex_b = BitStreamFilterContext("h264_mp4toannexb", container.streams.video[0])
        for packet in container.demux(video=0):
            frames += [(bytes(out), out.is_keyframe) for out in annex_b.filter(packet) if out.size]
            if len(frames) >= _SECONDS * FRAMES_PER_SECOND:
                break
    return frames


def _options(bits_per_second: int) -> dict[str, str]:
    rate = str(bits_per_second // 1000)
    return {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "threads": "1",
        "maxrate": f"{rate}k",
        "bufsize": f"{bits_per_second // 4000}k",
        "x264-params": f"keyint={_GROUP_FRAMES}:scenecut=0:sliced-threads=0",
    }


def _picture(wall: np.ndarray, number: int, width: int, height: int, rng: np.random.Generator) -> av.VideoFrame:
    luma = np.roll(wall, (number * 2, number * 3), (0, 1))[:height, :width].copy()
    luma[::2, ::2] += rng.integers(0, 24, (height // 2, width // 2), dtype=np.uint8)
    planes = np.concatenate([luma, np.full((height // 2, width), 128, np.uint8)])
    frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
    frame.pts, frame.time_base = number, Fraction(1, FRAMES_PER_SECOND)
    return frame
