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
    """Held while the store is open; raises StoreError where another process holds it."""

    def __init__(self, data_dir: Path) -> None:
        path = data_dir / FILE_NAME
        try:
            data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(
                _("cannot use the folder {folder}: {reason}").format(folder=data_dir, reason=error.strerror)
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._descriptor, 32).decode(errors="replace").strip() or "?"
            os.close(self._descriptor)
            raise StoreError(
                _(
                    "the store in {folder} is in use by process {pid}: stop that agent, or choose another data_dir"
                ).format(folder=data_dir, pid=holder)
            ) from error
        os.truncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let another process have the store."""
        os.close(self._descriptor)
