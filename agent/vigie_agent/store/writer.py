"""The writer: one thread that owns the only connection that writes (docs/design/clip-store.md, One writer)."""

import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from vigie_shared.errors import StoreError
from vigie_shared.i18n import gettext as _

T = TypeVar("T")
Unit = Callable[[sqlite3.Connection], T]
"""Work that happens whole or not at all. It touches the connection only: it may be run twice before it is committed."""

WAITING_UNITS_MAX: Final = 4096
GROUP_UNITS_MAX: Final = 128


class DiskFullError(StoreError):
    """There is no room for this write."""


@dataclass
class _Job:
    unit: Unit[Any]
    future: "Future[Any]" = field(default_factory=Future)


class Writer:
    """Callable in, future out; a future resolves after its commit, with StoreError where the database refused."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._jobs: queue.Queue[_Job | None] = queue.Queue(WAITING_UNITS_MAX)
        self._closed = False
        self._closing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="store-writer")
        self._thread.start()

    def submit(self, unit: Unit[T]) -> "Future[T]":
        """Queue `unit`; raises StoreError at once where too much waits already.

        Cancelling the future takes the unit back as long as its group has not begun.
        """
        job = _Job(unit)
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
                self._commit(group)
        self._connection.close()

    def _next_group(self) -> tuple[list[_Job], bool]:
        """All that waits, at least one, and whether it is the last."""
        group: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            group.append(job)
            if len(group) == GROUP_UNITS_MAX:
                return group, False
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    def _commit(self, group: list[_Job]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            outcomes = [self._attempt(job.unit) for job in group]
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if len(group) == 1:
                group[0].future.set_exception(_store_error(error))
            else:
                for job in group:
                    self._commit([job])
            return
        for job, (result, failure) in zip(group, outcomes, strict=True):
            if failure is None:
                job.future.set_result(result)
            else:
                job.future.set_exception(failure)

    def _attempt(self, unit: Unit[T]) -> tuple[T | None, Exception | None]:
        """Run one unit behind a savepoint; raises where SQLite gave the whole transaction up."""
        self._connection.execute("SAVEPOINT unit")
        result, failure = None, None
        try:
            result = unit(self._connection)
        except Exception as error:
            if not self._connection.in_transaction:
                raise
            self._connection.execute("ROLLBACK TO unit")
            failure = _store_error(error) if isinstance(error, sqlite3.Error) else error
        self._connection.execute("RELEASE unit")
        return result, failure


def _store_error(error: sqlite3.Error) -> StoreError:
    code = getattr(error, "sqlite_errorcode", None)
    kind = DiskFullError if code == sqlite3.SQLITE_FULL else StoreError
    return kind(_("the store refused a write: {reason}").format(reason=error))
