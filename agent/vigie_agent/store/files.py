"""The store's files, held open for its writer, and found again when their disk went and came back."""

import sqlite3
from pathlib import Path

from vigie_agent.store import volumes as volume_files
from vigie_agent.store.database import FILE_NAME, inode_of, open_writer, refusal
from vigie_agent.store.lock import StoreLock
from vigie_agent.store.volumes import Volumes
from vigie_shared.errors import StoreError


class StoreFiles:
    """Lock, ledger and volumes of one store; raises StoreError where they cannot be opened."""

    def __init__(self, data_dir: Path, agent_id: str, keep_bytes_max: int) -> None:
        self._data_dir = data_dir
        self._agent_id = agent_id
        self._volume_bytes_max = volume_files.bytes_max_for(keep_bytes_max)
        self._lock = StoreLock(data_dir)
        try:
            self.connection = open_writer(data_dir, agent_id)
            try:
                self.volumes = self._opened_volumes(self.connection)
            except BaseException:
                self.connection.close()
                raise
        except BaseException:
            self._lock.close()
            raise
        self.epoch: str = self.connection.execute("SELECT epoch FROM meta").fetchone()[0]
        self._inode = inode_of(data_dir)

    def are_there(self) -> bool:
        """Whether the ledger in the folder is the one that is open: a deleted file takes writes all the same."""
        return inode_of(self._data_dir) == self._inode

    def reopen(self) -> None:
        """Open all anew; raises StoreError unless the store that was here is here again.

        Of a disk that went nothing stays open: what is open keeps a disk from being mounted afresh.
        """
        self._close_databases()
        if not self._lock.is_there():
            self._lock.close()
            self._lock = StoreLock(self._data_dir, make=False)
        self.connection = open_writer(self._data_dir, self._agent_id, self.epoch)
        self.volumes = self._opened_volumes(self.connection)
        self._inode = inode_of(self._data_dir)

    def close(self) -> None:
        """Let all files go."""
        self._close_databases()
        self._lock.close()

    def _close_databases(self) -> None:
        self.volumes.close()
        self.connection.close()

    def _opened_volumes(self, connection: sqlite3.Connection) -> Volumes:
        volumes = Volumes(self._data_dir, self._volume_bytes_max)
        try:
            (last_row,) = connection.execute("SELECT last_row FROM meta").fetchone()
            (last_volume,) = connection.execute("SELECT coalesce(max(volume), 0) FROM segments").fetchone()
            volumes.open(last_row, last_volume)
        except sqlite3.Error as error:
            volumes.close()
            raise refusal(self._data_dir / FILE_NAME, error) from error
        except OSError as error:
            volumes.close()
            raise StoreError(f"{self._data_dir}: {error.strerror}") from error
        return volumes
