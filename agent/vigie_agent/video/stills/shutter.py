"""Takes stills from coded pictures: decodes what has to be, and makes a JPEG of the newest one alone."""

from collections.abc import Sequence
from typing import Final

import av
from av.stream import Stream
from av.video.frame import VideoFrame

from vigie_agent.capture.packets import Codec
from vigie_agent.video.ladder.transcoder import open_decoder
from vigie_agent.video.media.source import MediaFrame
from vigie_agent.video.stills.jpeg import JpegFitter

_HELD_MAX: Final = 64
"""Pictures that a decoder may hold back."""


class Shutter:
    """One stream's. Blocks: for one thread at a time. Damage costs what follows up to the next keyframe."""

    def __init__(self, codec: Codec, *, reorders: bool) -> None:
        self.codec: Codec = codec
        self.reorders = reorders
        self._fitter = JpegFitter()
        self._decoder = open_decoder(codec, reorders=reorders)
        self._held: dict[int, MediaFrame] = {}
        self._number = 0
        self._needs_keyframe = True

    def shoot(self, frames: Sequence[MediaFrame], bytes_max: int, *, alone: bool) -> tuple[MediaFrame, bytes] | None:
        """The newest of `frames` and its JPEG; None where none of them can be decoded.

        With `alone`, what follows does not build on them.
        """
        newest: VideoFrame | None = None
        try:
            for frame in frames:
                if frame.is_keyframe or not self._needs_keyframe:
                    self._needs_keyframe = False
                    newest = [newest, *self._decoder.decode(self._packet(frame))][-1]
            if alone:
                newest = [newest, *self._decoder.decode(None)][-1]
        except av.FFmpegError:
            alone = True
        if alone:
            self._decoder.flush_buffers()
            self._needs_keyframe = True
        found = None if newest is None else self._held.pop(newest.pts or 0, None)
        if newest is None or found is None:
            return None
        return found, self._fitter.encode(newest, bytes_max)

    def _packet(self, frame: MediaFrame) -> "av.Packet[Stream]":
        self._number += 1
        self._held[self._number] = frame
        while len(self._held) > _HELD_MAX:
            del self._held[next(iter(self._held))]
        packet: av.Packet[Stream] = av.Packet(frame.data)
        packet.pts = packet.dts = self._number
        return packet
