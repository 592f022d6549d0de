"""The writer thread: groups, savepoints, and callers that go away."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from vigie_agent.store.volumes import Volumes
from vigie_agent.store.writer import Writer
from vigie_shared.errors import StoreError


class NotesFile:
    """A database with one table, and volumes that nothing is put into."""

    def __init__(self, folder: Path) -> None:
        self.connection = sqlite3.connect(folder / "w.db", isolation_level=None, check_same_thread=False)
        self.connection.execute("CREATE TABLE notes (text TEXT UNIQUE)")
        self.volumes = Volumes(folder, 1 << 20)

    def are_there(self) -> bool:
        return True

    def reopen(self) -> None:
        raise StoreError("nothing to open anew")

    def close(self) -> None:
        self.connection.close()


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    writer = Writer(NotesFile(tmp_path))
    yield writer
    writer.close()


def texts(connection: sqlite3.Connection) -> list[str]:
    return [text for (text,) in connection.execute("SELECT text FROM notes ORDER BY rowid")]


class Held:
    """Keeps the writer busy, so that what is submitted meanwhile becomes one group."""

    def __init__(self, writer: Writer) -> None:
        self._go = threading.Event()
        begun = threading.Event()

        def unit(_connection: sqlite3.Connection) -> None:
            begun.set()
            self._go.wait()

        self._done = writer.submit(unit)
        begun.wait()

    def release(self) -> None:
        self._go.set()
        self._done.result()


def test_a_unit_that_fails_takes_nothing_of_its_group_along(writer: Writer) -> None:
    def half(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO notes VALUES ('half')")
        raise StoreError("no")

    held = Held(writer)
    first = writer.submit(lambda c: c.execute("INSERT INTO notes VALUES ('first')").rowcount)
    failing = writer.submit(half)
    double = writer.submit(lambda c: c.execute("INSERT INTO notes VALUES ('first')").rowcount)
    last = writer.submit(lambda c: c.execute("INSERT INTO notes VALUES ('last')").rowcount)
    held.release()
    assert (first.result(), last.result()) == (1, 1)
    assert isinstance(failing.exception(), StoreError)
    assert isinstance(double.exception(), StoreError)
    assert writer.submit(texts).result() == ["first", "last"]


def test_a_caller_that_went_away_does_not_stop_the_writer(writer: Writer) -> None:
    held = Held(writer)
    taken_back = writer.submit(lambda c: c.execute("INSERT INTO notes VALUES ('taken back')"))
    assert taken_back.cancel()
    held.release()
    assert writer.submit(texts).result() == []


def test_a_unit_that_has_begun_cannot_be_taken_back(writer: Writer) -> None:
    begun, go = threading.Event(), threading.Event()

    def unit(connection: sqlite3.Connection) -> None:
        begun.set()
        go.wait()
        connection.execute("INSERT INTO notes VALUES ('begun')")

    future = writer.submit(unit)
    begun.wait()
    assert not future.cancel()
    go.set()
    future.result()
    assert writer.submit(texts).result() == ["begun"]


def test_too_much_that_waits_is_refused_at_once(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer._jobs, "maxsize", 1)
    held = Held(writer)
    waiting = writer.submit(texts)
    with pytest.raises(StoreError, match="the disk is too slow"):
        writer.submit(texts)
    held.release()
    assert waiting.result() == []


def test_a_closed_writer_refuses(writer: Writer) -> None:
    writer.close()
    with pytest.raises(StoreError, match="the store is closed"):
        writer.submit(texts)
