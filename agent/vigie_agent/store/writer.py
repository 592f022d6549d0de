"""The writer: one thread that owns the connections that write (docs/design/clip-store.md, One writer)."""

import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

import structlog

from vigie_agent.store.volumes import Volumes, VolumeSealedError
from vigie_shared.errors import StoreError
from vigie_shared.i18n import gettext as _

log = structlog.get_logger(__name__)

T = TypeVar("T")
Unit = Callable[[sqlite3.Connection], T]
"""Work that happens whole or not at all. It touches the connection only: it may be run twice before it is committed."""
Prepare = Callable[[sqlite3.Connection, Volumes], None]
"""Comes before its unit and durable before it: puts bytes into volumes, reads the ledger. It may be run twice too."""

WAITING_UNITS_MAX: Final = 4096
GROUP_UNITS_MAX: Final = 128
GROUP_BYTES_MAX: Final = 8 * 1024**2
REOPEN_SECONDS: Final = 1.0


class DiskFullError(StoreError):
    """There is no room for this write."""


class Files(Protocol):
    """What the writer writes to."""

    connection: sqlite3.Connection
    volumes: Volumes

    def are_there(self) -> bool:
        """Whether the files that are open are still those in the folder."""
        ...

    def reopen(self) -> None:
        """Open all anew; raises StoreError where the disk is not back."""
        ...

    def close(self) -> None:
        """Let the files go."""
        ...


@dataclass
class _Job:
    unit: Unit[Any]
    prepare: Prepare | None
    size: int
    future: "Future[Any]" = field(default_factory=Future)


class Writer:
    """Callable in, future out; a future resolves after its commit, with StoreError where the database refused."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._jobs: queue.Queue[_Job | None] = queue.Queue(WAITING_UNITS_MAX)
        self._next: _Job | None = None
        self._closed = False
        self._closing = threading.Lock()
        self._lost: StoreError | None = None
        self._reopen_at = 0.0
        self._thread = threading.Thread(target=self._run, name="store-writer")
        self._thread.start()

    def submit(self, unit: Unit[T], prepare: Prepare | None = None, size: int = 0) -> "Future[T]":
        """Queue `unit`; raises StoreError at once where too much waits already. `size`: bytes that `prepare` puts.

        Cancelling the future takes the unit back as long as its group has not begun.
        """
        job = _Job(unit, prepare, size)
        with self._closing:
            if self._closed:
                raise StoreError(_("the store is closed"))
            try:
                self._jobs.put_nowait(job)
            except queue.Full:
                raise StoreError(_("the disk is too slow: {n} writes wait").format(n=WAITING_UNITS_MAX)) from None
        return job.future

    def close(self) -> None:
        """Write all that waits, then end."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        ending = False
        while not ending:
            waiting, ending = self._next_group()
            group = [job for job in waiting if job.future.set_running_or_notify_cancel()]
            if group:
                self._write(group)
        self._files.close()

    def _next_group(self) -> tuple[list[_Job], bool]:
        """All that waits, at least one, up to a limit of units and bytes; and whether it is the last."""
        group: list[_Job] = []
        job, self._next = self._next or self._jobs.get(), None
        size = 0
        while job is not None:
            size += job.size
            if group and size > GROUP_BYTES_MAX:
                self._next = job
                return group, False
            group.append(job)
            if len(group) == GROUP_UNITS_MAX:
                return group, False
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    def _write(self, group: list[_Job]) -> None:
        """Commit `group`, unless the disk is gone; what is lost then is told to each."""
        if self._lost is None and not self._files.are_there():
            self._lost = StoreError(_("the store's files are gone: is the disk still mounted?"))
            self._reopen_at = 0.0
        if self._lost is not None and time.monotonic() >= self._reopen_at:
            self._find_again()
        if self._lost is None:
            self._commit(group)
        else:
            for job in group:
                job.future.set_exception(self._lost)

    def _find_again(self) -> None:
        self._reopen_at = time.monotonic() + REOPEN_SECONDS
        try:
            self._files.reopen()
        except StoreError as error:
            self._lost = error
        else:
            self._lost = None
            log.info("the store's disk is back")

    def _commit(self, group: list[_Job], *, again: bool = True) -> None:
        connection, volumes = self._files.connection, self._files.volumes
        try:
            for job in group:
                if job.prepare is not None:
                    job.prepare(connection, volumes)
            volumes.commit()
            connection.execute("BEGIN IMMEDIATE")
            outcomes = [self._attempt(job.unit) for job in group]
            connection.execute("COMMIT")
        except Exception as error:  # whoever waits must hear of it, and the thread must live
            self._roll_back()
            self._tell_failure(group, error, again)
            return
        volumes.accept()
        for job, (result, failure) in zip(group, outcomes, strict=True):
            if failure is None:
                job.future.set_result(result)
            else:
                job.future.set_exception(failure)

    def _roll_back(self) -> None:
        try:
            if self._files.connection.in_transaction:
                self._files.connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            log.debug("rollback failed", reason=str(error))
        self._files.volumes.rollback()

    def _tell_failure(self, group: list[_Job], error: Exception, again: bool) -> None:
        """Try again where that may help: with another volume, or one by one; else each hears why not."""
        if isinstance(_store_error(error), DiskFullError):
            self._shorten_log()
        if isinstance(error, VolumeSealedError) and again:
            self._commit(group, again=False)
            return
        if len(group) > 1:
            for job in group:
                self._commit([job])
            return
        told = _store_error(error)
        if _is_lost(error):
            self._lost, self._reopen_at = told, time.monotonic() + REOPEN_SECONDS
        group[0].future.set_exception(told)

    def _shorten_log(self) -> None:
        """A full disk holds the ledger's log as well: what it says goes into the ledger, and its room is free again."""
        try:
            self._files.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            log.debug("the ledger's log stays as long as it is", reason=str(error))

    def _attempt(self, unit: Unit[T]) -> tuple[T | None, Exception | None]:
        """Run one unit behind a savepoint; raises where SQLite gave the whole transaction up."""
        connection = self._files.connection
        connection.execute("SAVEPOINT unit")
        result, failure = None, None
        try:
            result = unit(connection)
        except Exception as error:
            if not connection.in_transaction:
                raise
            connection.execute("ROLLBACK TO unit")
            failure = _store_error(error) if isinstance(error, sqlite3.Error) else error
        connection.execute("RELEASE unit")
        return result, failure


_LOST: Final = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_MISUSE)


def _is_lost(error: Exception) -> bool:
    """Whether the disk itself seems gone, so that its files must be opened anew."""
    return isinstance(error, OSError | VolumeSealedError) or (_code(error) & 0xFF) in _LOST


def _code(error: Exception) -> int:
    return getattr(error, "sqlite_errorcode", None) or 0


def _store_error(error: Exception) -> StoreError:
    if isinstance(error, StoreError):
        return error
    is_full = _code(error) == sqlite3.SQLITE_FULL
    kind = DiskFullError if is_full else StoreError
    return kind(_("the store refused a write: {reason}").format(reason=error))
