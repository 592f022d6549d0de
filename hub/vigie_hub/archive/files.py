"""Files by digest: `<root>/<aa>/<sha256>.mp4`. All calls block.

Invariants, which `Archive.check` re-verifies:

1. A file named `<sha256>.mp4` holds exactly the bytes with that digest: it gets its name by a rename, after it was
   written, synced, read back and hashed.
2. What is unfinished is named `<sha256>.part`, and no reader looks at it. One writer at a time holds it (`flock`).
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from vigie_shared.errors import DigestError, StoreError
from vigie_shared.i18n import gettext as _
from vigie_shared.ids import SHA256_PATTERN

FREE_BYTES_MIN: Final = 64 * 1024 * 1024
"""What a pull leaves free on the disk: the database needs room to say what happened."""
_READ_BYTES: Final = 1024 * 1024
_STAT_BLOCK_BYTES: Final = 512
_SHA256: Final = re.compile(SHA256_PATTERN.strip("^$"))


@dataclass(frozen=True, slots=True)
class Damage:
    """A file that is not what its name says."""

    path: Path
    detail: str


def _refused(path: Path, error: OSError) -> StoreError:
    return StoreError(_("archive {path}: {error}").format(path=path, error=error.strerror or error))


def _allocated_bytes(found: os.stat_result) -> int:
    """What the file takes on the disk; holes take nothing."""
    return found.st_blocks * _STAT_BLOCK_BYTES


def _digest(descriptor: int) -> str:
    whole, offset = hashlib.sha256(), 0
    while data := os.pread(descriptor, _READ_BYTES, offset):
        whole.update(data)
        offset += len(data)
    return whole.hexdigest()


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _removed_unless_held(path: Path) -> bool:
    """Whether it is gone; a pull that is at it holds it (`flock`)."""
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


class Part:
    """A clip on its way into the archive. `commit` makes it visible; closing keeps what is there, to go on later.

    Calls may come from several threads: each runs alone, and what was begun is over before `close` returns.
    """

    def __init__(self, final: Path, sha256: str, clip_bytes: int) -> None:
        self._final = final
        self._path = final.with_suffix(".part")
        self._sha256 = sha256
        self._bytes = clip_bytes
        self._descriptor: int | None = None
        self._lock = threading.RLock()
        self._closed = False
        self._digest, self._digested_bytes = hashlib.sha256(), 0
        """Of how the file begins, as it was read back."""

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        """Begin, or go on; raises StoreError where there is no room or another pull is at it."""
        with self._at_work():
            self._make_folder()
            self._require_room()
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            self._descriptor = os.open(self._path, flags, mode=0o600)
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                taken = not os.path.samestat(os.fstat(self._descriptor), self._path.stat())
            except (BlockingIOError, FileNotFoundError):
                taken = True
            if taken:
                self.close()
                raise StoreError(_("archive {path}: another pull is writing this clip").format(path=self._path))

    def read(self, offset: int, length: int) -> bytes:
        """What an earlier attempt left there, and later ones wrote; less where the file ends."""
        with self._at_work():
            return os.pread(self._opened(), length, offset)

    def has_holes(self) -> bool:
        """Whether something was written behind what is missing: keyframes, not a clip from its start."""
        with self._at_work():
            size = os.fstat(self._opened()).st_size
            return size > 0 and os.lseek(self._opened(), 0, os.SEEK_HOLE) < size

    def write(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        """Put `data` at `offset`. Raises StoreError where the disk refuses; the unfinished file is then gone."""
        with self._at_work():
            if offset < self._digested_bytes:
                self._digest, self._digested_bytes = hashlib.sha256(), 0
            try:
                rest, position = memoryview(data), offset
                while rest:
                    written = os.pwrite(self._opened(), rest, position)
                    rest, position = rest[written:], position + written
            except OSError:
                self.discard()
                raise

    def settle(self, offset: int, length: int) -> None:
        """These bytes stay: where they go on from those that settled before, `commit` need not read them again."""
        with self._at_work():
            if offset == self._digested_bytes:
                self._read_back(offset + length)

    def commit(self) -> Path:
        """Sync, verify, name it by its digest; durable on return. Raises DigestError, StoreError."""
        with self._at_work():
            descriptor = self._opened()
            os.ftruncate(descriptor, self._bytes)
            os.fsync(descriptor)
            self._read_back(self._bytes)
            if self._digest.hexdigest() != self._sha256:
                self.discard()
                raise DigestError(_("archive {path}: what is on disk has another digest").format(path=self._path))
            self._path.rename(self._final)
            _sync_directory(self._final.parent)
        return self._final

    def discard(self) -> None:
        """Remove what is there."""
        with self._at_work():
            self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file; idempotent."""
        with self._lock:
            self._closed = True
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def _read_back(self, end: int) -> None:
        while self._digested_bytes < end:
            data = os.pread(self._opened(), min(_READ_BYTES, end - self._digested_bytes), self._digested_bytes)
            if not data:
                return
            self._digest.update(data)
            self._digested_bytes += len(data)

    @contextlib.contextmanager
    def _at_work(self) -> Iterator[None]:
        with self._lock:
            if self._closed:
                raise StoreError(_("archive {path}: closed meanwhile").format(path=self._path))
            try:
                yield
            except OSError as error:
                raise _refused(self._path, error) from error

    def _opened(self) -> int:
        if self._descriptor is None:
            raise StoreError(_("archive {path}: not open").format(path=self._path))
        return self._descriptor

    def _make_folder(self) -> None:
        folder = self._path.parent
        if folder.is_symlink():
            raise StoreError(_("archive {path}: a link, where a folder should be").format(path=folder))
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sync_directory(folder.parent)

    def _require_room(self) -> None:
        free = shutil.disk_usage(self._path.parent).free
        there = _allocated_bytes(self._path.stat()) if self._path.exists() else 0
        needed = self._bytes - there + FREE_BYTES_MIN
        if free < needed:
            raise StoreError(
                _("archive {path}: {free} MB free, {needed} MB needed; make room, then pull again").format(
                    path=self._path.parent.parent, free=free // 1_000_000, needed=needed // 1_000_000
                )
            )


class Archive:
    """The folder of pulled clips."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, sha256: str) -> Path:
        """Where the clip with this digest lies, or would; raises StoreError where `sha256` is no digest."""
        if _SHA256.fullmatch(sha256) is None:
            raise StoreError(_("archive: “{name}” is no SHA-256 digest").format(name=sha256[:80]))
        return self._root / sha256[:2] / f"{sha256}.mp4"

    def unfinished(self, sha256: str) -> Path:
        """Where what has come of the clip lies while it is on its way; nobody vouches for what is in there."""
        return self.path(sha256).with_suffix(".part")

    def has(self, sha256: str, clip_bytes: int) -> bool:
        """Whether the clip is here, whole by size; `check` looks closer."""
        path = self.path(sha256)
        try:
            return not path.is_symlink() and path.stat().st_size == clip_bytes
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _refused(path, error) from error

    def intact(self, sha256: str) -> bool:
        """Whether the clip is here and its bytes are right; reads all of it."""
        return self._damage(self.path(sha256)) is None

    def part(self, sha256: str, clip_bytes: int) -> Part:
        """The place to write a clip; `open` it first."""
        return Part(self.path(sha256), sha256, clip_bytes)

    def sweep(self, wanted: Collection[str], older_than_seconds: float, now_seconds: float) -> int:
        """Remove unfinished clips that nobody wants, that nobody writes and that nobody touched for that long.

        `wanted` are digests, `now_seconds` is the time since 1970; returns how many went.
        """
        swept = 0
        for path in self._root.glob("*/*.part"):
            try:
                touched = path.lstat().st_mtime
                if path.stem not in wanted and now_seconds - touched >= older_than_seconds:
                    swept += _removed_unless_held(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise _refused(path, error) from error
        return swept

    def check(self) -> list[Damage]:
        """Read every file and compare it with its name."""
        found = sorted(self._root.glob("*/*.mp4"))
        return [damage for path in found if (damage := self._damage(path)) is not None]

    def _damage(self, path: Path) -> Damage | None:
        if _SHA256.fullmatch(path.stem) is None or path.parent.name != path.stem[:2]:
            return Damage(path, _("not a name that the archive gives"))
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with contextlib.closing(os.fdopen(descriptor, "rb", buffering=0)):
                digest = _digest(descriptor)
        except OSError as error:
            return Damage(path, str(error.strerror))
        return None if digest == path.stem else Damage(path, _("its bytes have another digest"))
