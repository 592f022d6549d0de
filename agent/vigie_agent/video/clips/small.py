"""Clips made small for a slow link: decoded, scaled and encoded again, all pictures in turn, as the ladder does live.

What comes out has a digest of its own; its manifest says of which clip it was made, and how.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import Final

from vigie_agent.capture.packets import Packet, StreamInfo
from vigie_agent.clips.remux import remux
from vigie_agent.clips.samples import Sample, reorders, samples_of, track_of
from vigie_agent.video.clips.library import WAITING_SECONDS, ClipSource
from vigie_agent.video.ladder.transcoder import CLIP, Transcoder
from vigie_agent.video.media.source import MediaFrame
from vigie_shared.errors import StoreError
from vigie_shared.i18n import gettext as _
from vigie_shared.transfer import Derived, Index, Manifest, block_bytes_for, block_digests, manifest_statement

KEYFRAME_SECONDS_MIN: Final = 2.0
"""Between two keyframes: so far from each other are the places where what has come so far ends, when it plays."""
_KEPT_MAX: Final = 2
_CLOCK_RATE: Final = 90_000
_BOX_BYTES: Final = 8
_LONG_BOX_BYTES: Final = 16
_NO_TIME: Final = datetime.fromtimestamp(0, UTC)
"""A clip's own times are counted from its start."""


@dataclass(frozen=True, slots=True)
class SmallClip:
    """One that was made, as a session serves it."""

    manifest: Manifest
    data: bytes

    def read(self, clip_id: str, offset: int, length: int) -> Iterator[bytes]:
        """Its bytes."""
        yield self.data[offset : offset + length]

    def index(self, manifest: Manifest) -> Index | None:
        """It is small enough without one."""
        return None


class SmallClips:
    """Makes them, one at a time, and keeps the last few for who comes back. Called in threads."""

    def __init__(self, clips: ClipSource, agent_id: str, sign: Callable[[bytes], str] | None) -> None:
        """Without `sign` none is made: nobody could believe it."""
        self._clips = clips
        self._agent_id = agent_id
        self._sign = sign
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, SmallClip] = OrderedDict()

    def of(self, clip: Manifest, is_stopped: Callable[[], bool]) -> SmallClip:
        """That of `clip`. Raises StoreError where there is none, or it was stopped."""
        if self._sign is None:
            raise StoreError(_("clip {clip_id}: there is no sub-stream of it").format(clip_id=clip.clip_id))
        with self._lock:
            made = self._kept.pop(clip.clip_id, None) or self._made(clip, self._sign, is_stopped)
            self._kept[clip.clip_id] = made
            while len(self._kept) > _KEPT_MAX:
                self._kept.popitem(last=False)
        return made

    def _made(self, clip: Manifest, sign: Callable[[bytes], str], is_stopped: Callable[[], bool]) -> SmallClip:
        data, size_px = made_small(self._clips.read(clip.clip_id, 0, clip.bytes), is_stopped)
        if len(data) >= clip.bytes:
            raise StoreError(
                _("clip {clip_id}: its sub-stream would be no smaller; pull the original").format(clip_id=clip.clip_id)
            )
        block_bytes = block_bytes_for(len(data))
        sha256, blocks = block_digests([data], block_bytes)
        manifest = Manifest(
            clip_id=clip.clip_id,
            bytes=len(data),
            sha256=sha256,
            block_bytes=block_bytes,
            block_sha256=blocks,
            waiting_seconds=WAITING_SECONDS,
            derived=Derived(source_sha256=clip.sha256, width_px=size_px[0], height_px=size_px[1]),
        )
        signature = sign(manifest_statement(self._agent_id, manifest))
        return SmallClip(manifest.model_copy(update={"signature": signature}), data)


def made_small(clip: Iterable[bytes], is_stopped: Callable[[], bool] = lambda: False) -> tuple[bytes, tuple[int, int]]:
    """A fragmented MP4 of H.264, and how large its pictures are. Raises StoreError."""
    segments = segments_of(clip)
    track = track_of(next(segments, b""))
    transcoder: Transcoder | None = None
    packets: list[Packet] = []
    for segment in segments:
        if is_stopped():
            raise StoreError("nobody waits for it any more")
        samples = samples_of(track, segment)
        transcoder = transcoder or Transcoder(track.codec, reorders=reorders(samples), target=CLIP)
        packets += _transcoded(transcoder, samples, packets)
    if transcoder is None or not packets:
        raise StoreError(_("the clip has no picture that can be decoded"))
    width_px, height_px = transcoder.size_px
    frames_per_second = transcoder.target.frames_per_second
    stream = StreamInfo("h264", width_px, height_px, Fraction(1, _CLOCK_RATE), b"", frames_per_second)
    return b"".join(remux(stream, packets).segments), (width_px, height_px)


def _transcoded(transcoder: Transcoder, samples: list[Sample], before: list[Packet]) -> Iterator[Packet]:
    last = next((packet.position_seconds for packet in reversed(before) if packet.is_keyframe), None)
    if last is None or samples[0].decoded_seconds - last >= KEYFRAME_SECONDS_MIN:
        transcoder.want_keyframe()
    for sample in samples:
        frame = MediaFrame(sample.data, sample.is_keyframe, _NO_TIME, sample.decoded_seconds)
        for made in transcoder.feed(frame):
            at = round(made.due_seconds * _CLOCK_RATE)
            duration = _CLOCK_RATE // transcoder.target.frames_per_second
            yield Packet(
                made.data, at, at, duration, Fraction(1, _CLOCK_RATE), made.is_keyframe, made.due_seconds, _NO_TIME
            )


def segments_of(clip: Iterable[bytes]) -> Iterator[bytes]:
    """The init segment, then fragment by fragment, while the bytes pass by; raises StoreError where they are no MP4."""
    pending, segment = bytearray(), bytearray()
    for chunk in clip:
        pending += chunk
        while (size := _box_bytes(pending)) <= len(pending):
            if pending[4:8] == b"moof" and segment:
                yield bytes(segment)
                segment.clear()
            segment += pending[:size]
            del pending[:size]
    if pending:
        raise StoreError(_("a part of the clip cannot be read: its boxes make no sense"))
    if segment:
        yield bytes(segment)


def _box_bytes(pending: bytearray) -> int:
    """Of the box that begins here, as far as that is known."""
    if len(pending) < _BOX_BYTES:
        return _BOX_BYTES
    size = int.from_bytes(pending[:4], "big")
    if size == 1:
        return int.from_bytes(pending[8:16], "big") if len(pending) >= _LONG_BOX_BYTES else _LONG_BOX_BYTES
    if size < _BOX_BYTES:
        raise StoreError(_("a part of the clip cannot be read: its boxes make no sense"))
    return size
