"""Exports: a kept clip as one file that any player takes, its elementary stream proven to be the same."""

import hashlib
import io
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

from vigie_agent.store.reader import DamagedSegmentError, Reader
from vigie_shared.errors import StoreError
from vigie_shared.i18n import gettext as _


@dataclass(frozen=True)
class Exported:
    """What was written."""

    clip_id: str
    path: Path
    bytes: int
    sha256: str
    """Of the file."""
    stream_sha256: str
    """Of the elementary stream: of all packets' bytes, in order; equal in the store and in the file."""
    packets: int
    segments: int
    damaged: tuple[int, ...]
    """Segments that are missing in it."""


def export(
    reader: Reader, clip_id: str, output: Path, *, exact: bool = False, on_bytes: Callable[[int], None] = lambda n: None
) -> Exported:
    """Write a clip; `exact`: the very bytes whose digest the hub has, fragmented MP4. Raises StoreError.

    The file appears under its name when it is whole, synced and proven.
    """
    kept, damaged, count = _gathered(reader, clip_id, on_bytes)
    if exact and damaged:
        raise StoreError(_("clip {clip} is damaged: it cannot be exported exactly").format(clip=clip_id))
    draft = output.with_name(f".{output.name}.part")
    try:
        if exact:
            draft.write_bytes(kept)
        else:
            _write_progressive(kept, draft)
        with draft.open("rb") as file:
            os.fsync(file.fileno())
            data = file.read()
        before, after = stream_digest(kept), stream_digest(data)
        if before != after:
            raise StoreError(
                _("clip {clip}: its video is not the same after remuxing; nothing was written").format(clip=clip_id)
            )
        draft.replace(output)
    except (OSError, av.FFmpegError) as error:
        raise StoreError(_("cannot export clip {clip}: {reason}").format(clip=clip_id, reason=error)) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    digest, packets = after
    return Exported(clip_id, output, len(data), hashlib.sha256(data).hexdigest(), digest, packets, count, damaged)


def stream_digest(mp4: bytes) -> tuple[str, int]:
    """SHA-256 over the bytes of all video packets, and how many there are."""
    digest, packets = hashlib.sha256(), 0
    with av.open(io.BytesIO(mp4), "r") as container:
        for packet in _video_packets(container):
            digest.update(bytes(packet))
            packets += 1
    return digest.hexdigest(), packets


def _gathered(reader: Reader, clip_id: str, on_bytes: Callable[[int], None]) -> tuple[bytes, tuple[int, ...], int]:
    """All segments that are sound, joined; which are not; how many there are."""
    segments = reader.segments(clip_id)
    if not segments or reader.promise(clip_id) is None:
        raise StoreError(_("no clip {clip_id} here; it may have been overwritten").format(clip_id=clip_id))
    sound, damaged = [], []
    for segment in segments:
        try:
            sound.append(reader.segment_bytes(clip_id, segment))
        except DamagedSegmentError:
            damaged.append(segment.idx)
        on_bytes(segment.size)
    if 0 in damaged or len(sound) < 2:
        raise StoreError(_("clip {clip} is damaged: nothing of it can be shown").format(clip=clip_id))
    return b"".join(sound), tuple(damaged), len(segments)


def _write_progressive(fragmented: bytes, path: Path) -> None:
    """The same packets in a plain MP4, with its index in front."""
    options = {"movflags": "faststart"}
    with av.open(io.BytesIO(fragmented), "r") as source, av.open(str(path), "w", format="mp4", options=options) as made:
        track = made.add_stream_from_template(source.streams.video[0])
        for packet in _video_packets(source):
            packet.stream = track
            made.mux_one(packet)


def _video_packets(container: Any) -> Iterator[Any]:
    return (packet for packet in container.demux(video=0) if packet.size)
