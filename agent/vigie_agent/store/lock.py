"""One agent per store: a lock file that the system lets go when the process ends, however it ends."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from vigie_shared.errors import StoreError
from vigie_shared.i18n import gettext as _

FILE_NAME: Final = "store.lock"


class StoreLock:
    """Held while the store is open; raises StoreError where another process holds it, or `make` is off and none is."""

    def __init__(self, data_dir: Path, *, make: bool = True) -> None:
        self._path = path = data_dir / FILE_NAME
        try:
            if make:
                data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if make else 0)
            descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            raise StoreError(
                _("cannot use the folder {folder}: {reason}").format(folder=data_dir, reason=error.strerror)
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "?"
            os.close(descriptor)
            raise StoreError(
                _(
                    "the store in {folder} is in use by process {pid}: stop that agent, or choose another data_dir"
                ).format(folder=data_dir, pid=holder)
            ) from error
        self._descriptor: int | None = descriptor
        try:
            os.truncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except OSError:  # a full disk: who holds it is only for people to know
            pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def is_there(self) -> bool:
        """Whether the file that is locked is still the one in the folder."""
        if self._descriptor is None:
            return False
        held = os.fstat(self._descriptor)
        try:
            found = self._path.stat()
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == (held.st_dev, held.st_ino)

    def close(self) -> None:
        """Let another process have the store; a second time is no error."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
