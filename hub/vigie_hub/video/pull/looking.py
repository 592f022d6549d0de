"""What is left on disk of clips that are not here whole: nothing about an unfinished file is believed. Calls block."""

import hashlib
import os
from pathlib import Path

from vigie_hub.archive.files import Archive
from vigie_hub.video.pull.pieces import Read
from vigie_hub.video.pull.progress import Seen
from vigie_shared.transfer import Head, Index, Manifest, head_digest


def reading(*paths: Path) -> Read:
    """Reads the first of them that is there, each time anew: a file may get its last name meanwhile. Else nothing."""

    def read(offset: int, length: int) -> bytes:
        for path in paths:
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except OSError:
                continue
            try:
                return os.pread(descriptor, length, offset)
            finally:
                os.close(descriptor)
        return b""

    return read


def looked_at(archive: Archive, seen: Seen) -> Seen:
    """`seen` as the disk bears it out, by what the agent signed."""
    found = Seen(seen.manifest, seen.index, small=seen.small)
    if seen.manifest is not None:
        read = reading(archive.unfinished(seen.manifest.sha256))
        found.prefix_bytes = _prefix_bytes(seen.manifest, read)
        found.heads = _heads(seen.index, read) if seen.index is not None else frozenset()
    if seen.small is not None:
        found.small_bytes = _prefix_bytes(seen.small, reading(archive.unfinished(seen.small.sha256)))
    return found


def is_left(archive: Archive, seen: Seen) -> bool:
    """Whether any of it is still there."""
    manifests = (seen.manifest, seen.small)
    return any(archive.unfinished(manifest.sha256).exists() for manifest in manifests if manifest is not None)


def _prefix_bytes(manifest: Manifest, read: Read) -> int:
    reached = 0
    for digest in manifest.block_sha256:
        data = read(reached, min(manifest.block_bytes, manifest.bytes - reached))
        if hashlib.sha256(data).hexdigest() != digest:
            break
        reached += len(data)
    return reached


def _heads(index: Index, read: Read) -> frozenset[int]:
    def is_right(head: Head) -> bool:
        return head_digest(read(head.offset, head.length)) == head.digest

    if not is_right(index.init):
        return frozenset()
    return frozenset(number for number, head in enumerate(index.heads) if is_right(head))
