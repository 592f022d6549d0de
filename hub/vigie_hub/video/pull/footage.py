"""What can be looked at of a clip that is here, whole or in part: its keyframes, as pictures and as a film.

Calls block. An archived clip says itself where its fragments lie; of an unfinished one the agent's signed index does.
"""

import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import av.error
from av.video.frame import VideoFrame

from vigie_hub.video.pull.progress import Seen
from vigie_hub.video.pull.strip import begins_at, head_bytes, strip
from vigie_shared.errors import StoreError, WireError
from vigie_shared.i18n import gettext as _

_HEADER_BYTES: Final = 8
_LONG_HEADER_BYTES: Final = 16
_EVEN: Final = 2
_MOOF_BYTES_MAX: Final = 64 * 1024
"""Enough of a head to know when its picture is shown: some thousand samples a fragment."""
Place = tuple[int, int]
"""From where, and how many bytes."""


@dataclass(frozen=True, slots=True)
class Footage:
    """Where the parts that play alone lie in a file.

    Raises StoreError where it is gone, WireError where it is no film.
    """

    path: Path
    init: Place
    fragments: Mapping[int, Place]
    """The heads of those that are here, by their number in the clip, in order."""
    count: int
    """Of the clip's."""

    @classmethod
    def of_part(cls, path: Path, seen: Seen) -> "Footage":
        """Of a clip that is on its way."""
        if seen.index is None:
            return cls(path, (0, 0), {}, 0)
        index = seen.index
        heads = {number: (index.heads[number].offset, index.heads[number].length) for number in sorted(seen.heads)}
        return cls(path, (index.init.offset, index.init.length), heads, len(index.heads))

    @classmethod
    def of_file(cls, path: Path) -> "Footage":
        """Of a clip that is here."""
        try:
            places = fragments_of(path, path.stat().st_size)
            with path.open("rb", buffering=0) as file:
                heads = [(at, head_bytes(os.pread(file.fileno(), moof, at))) for at, moof, _length in places]
        except OSError as error:
            raise _refused(path, error) from error
        return cls(path, (0, heads[0][0] if heads else 0), dict(enumerate(heads)), len(heads))

    @property
    def middle(self) -> int:
        """The number of the picture that stands for the clip."""
        return self.count // 2

    def times(self) -> dict[int, float]:
        """When each of the keyframes that are here is shown, in seconds since the clip's beginning."""
        if not self.fragments:
            return {}
        heads = [(offset, min(length, _MOOF_BYTES_MAX)) for offset, length in self.fragments.values()]
        init, *moofs = self._read(self.init, *heads)
        return {number: begins_at(init, moof) for number, moof in zip(self.fragments, moofs, strict=True)}

    def film(self) -> bytes:
        """The keyframes that are here, as an MP4; each stays until the next one."""
        read = self._read(self.init, *(self.fragments.values()))
        return strip(next(read), list(read))

    def picture(self, number: int, width_px: int) -> bytes:
        """A keyframe that is here, as JPEG no wider than that."""
        init, fragment = self._read(self.init, self.fragments[number])
        with _opened(strip(init, [fragment])) as container:
            try:
                return jpeg(next(container.decode(video=0)), width_px)
            except (av.error.FFmpegError, StopIteration) as error:
                raise _unreadable() from error

    def _read(self, *places: Place) -> Iterator[bytes]:
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb", buffering=0) as file:
                for offset, length in places:
                    yield os.pread(file.fileno(), length, offset)
        except OSError as error:
            raise _refused(self.path, error) from error


def fragments_of(path: Path, until: int) -> list[tuple[int, int, int]]:
    """The fragments of an MP4 that end within its first `until` bytes: where, how long is `moof`, how long are both."""
    found: list[tuple[int, int, int]] = []
    moof: tuple[int, int] | None = None
    with path.open("rb", buffering=0) as file:
        at = 0
        while at + _HEADER_BYTES <= until:
            header = os.pread(file.fileno(), _LONG_HEADER_BYTES, at)
            size, kind = int.from_bytes(header[:4], "big"), header[4:8]
            if size == 1:
                size = int.from_bytes(header[8:16], "big")
            if size < _HEADER_BYTES or at + size > until:
                break
            if kind == b"moof":
                moof = at, size
            elif kind == b"mdat" and moof is not None:
                found.append((*moof, at + size - moof[0]))
                moof = None
            at += size
    return found


def playable_bytes(path: Path, until: int) -> int:
    """How much of the first `until` bytes of a fragmented MP4 ends with a fragment; 0 where none is whole."""
    try:
        found = fragments_of(path, until)
    except OSError as error:
        raise _refused(path, error) from error
    return found[-1][0] + found[-1][2] if found else 0


def jpeg(frame: VideoFrame, width_px: int) -> bytes:
    """A picture no wider than `width_px`, upright as it was filmed."""
    width = min(width_px, frame.width) // _EVEN * _EVEN
    height = max(_EVEN, round(frame.height * width / frame.width) // _EVEN * _EVEN)
    coder = av.CodecContext.create("mjpeg", "w")
    coder.width, coder.height, coder.pix_fmt, coder.time_base = width, height, "yuvj420p", Fraction(1)
    small = frame.reformat(width, height, "yuvj420p")
    small.pts = 0
    return b"".join(bytes(packet) for packet in [*coder.encode(small), *coder.encode(None)])


def _refused(path: Path, error: OSError) -> StoreError:
    return StoreError(_("{path}: {reason}").format(path=path, reason=error.strerror))


def _opened(mp4: bytes) -> av.container.InputContainer:
    try:
        return av.open(io.BytesIO(mp4), "r")
    except av.error.FFmpegError as error:
        raise _unreadable() from error


def _unreadable() -> WireError:
    return WireError(_("the clip's pictures cannot be read"))
