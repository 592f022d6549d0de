"""The hub's one SQLite file: one writer, a few readers, each in a thread of its own.

A function that takes the connection goes in, its result comes out. Each write is one transaction (`BEGIN IMMEDIATE`,
`synchronous=FULL`): durable when `write` returns, rolled back when it raises. Each read sees one snapshot.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Final, Self, TypeVar
from urllib.parse import quote

from vigie_hub.sync.migrations import migrate
from vigie_shared.errors import StoreError
from vigie_shared.i18n import gettext as _

T = TypeVar("T")
READERS: Final = 4
_BUSY_SECONDS: Final = 10.0
_CACHE_KIB: Final = 65_536
"""Reads come in by plate, all over their tree: what of it is at hand is not read again."""
_LOG_PAGES: Final = 4000
"""16 MB of log before its pages go to the file: under load, a page that changed often goes once."""


def iso(at: datetime) -> str:
    """`at` as the schema keeps it: ISO 8601 in UTC, milliseconds, a trailing Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    mode = "ro" if read_only else "rwc"
    connection = sqlite3.connect(
        f"file:{quote(str(path.resolve()))}?mode={mode}",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.row_factory = sqlite3.Row
    return connection


def _prepare(writer: sqlite3.Connection) -> None:
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("PRAGMA synchronous = FULL")
    writer.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    writer.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")


class Database:
    """Open it with `with` (commands) or `async with` (services); opening makes or migrates the schema.

    Raises StoreError where the disk or the file refuses. A broken constraint stays `sqlite3.IntegrityError`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._closing = contextlib.ExitStack()
        self._idle: SimpleQueue[sqlite3.Connection] = SimpleQueue()
        self._writer: sqlite3.Connection
        self._write_thread: ThreadPoolExecutor
        self._read_threads: ThreadPoolExecutor

    async def write(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """Run `change` as one transaction; a caller that is cancelled leaves it whole or undone."""
        return await asyncio.wrap_future(self._write_thread.submit(self._transact, change))

    async def read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Run `question` on a read-only snapshot."""
        return await asyncio.wrap_future(self._read_threads.submit(self._look, question))

    def write_now(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """`write` for commands: blocks until durable."""
        return self._write_thread.submit(self._transact, change).result()

    def read_now(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """`read` for commands: blocks."""
        return self._read_threads.submit(self._look, question).result()

    def open(self) -> None:
        """Open all connections; blocks."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._writer = self._opened(read_only=False)
            _prepare(self._writer)
            migrate(self._writer, self._path)  # tables that others refer to may be made anew: not before this
            self._writer.execute("PRAGMA foreign_keys = ON")
            for _reader in range(READERS):
                self._idle.put(self._opened(read_only=True))
        except BaseException as error:
            self._closing.close()
            if isinstance(error, OSError | sqlite3.Error):
                raise self._refused(error) from error
            raise
        self._write_thread = self._closing.enter_context(ThreadPoolExecutor(1, "database-writer"))
        self._read_threads = self._closing.enter_context(ThreadPoolExecutor(READERS, "database-reader"))

    def close(self) -> None:
        """Wait for what is running, then close all connections; blocks."""
        self._closing.close()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.open)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.close)

    def _opened(self, *, read_only: bool) -> sqlite3.Connection:
        connection = _connect(self._path, read_only=read_only)
        self._closing.callback(connection.close)
        return connection

    def _transact(self, change: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._writer
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = change(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.DatabaseError as error:
            raise self._refused(error) from error
        return result

    def _look(self, question: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._idle.get()
        try:
            connection.execute("BEGIN")
            try:
                return question(connection)
            finally:
                connection.execute("ROLLBACK")
        except sqlite3.DatabaseError as error:
            raise self._refused(error) from error
        finally:
            self._idle.put(connection)

    def _refused(self, error: Exception) -> Exception:
        """StoreError where the disk or the file is at fault, else the caller's own error as it is."""
        if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError | sqlite3.InterfaceError):
            return error
        return StoreError(_("database {path}: {error}").format(path=self._path, error=error))
