"""Where the law lets nobody keep reads that hit nothing: every byte under `data_dir` is looked at."""

import contextlib
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.agent.hotlists.house import House, crop, entry
from tests.agent.store.samples import FixedClock, clip, open_store, read, settle
from vigie_agent.hotlists.law import may_swap, obey
from vigie_agent.hotlists.settings import LawSettings
from vigie_agent.store import check
from vigie_agent.store.hits import erase_non_hits
from vigie_shared.events import PlateAlternative, PlateRead

PLANTED = tuple(f"{86_000 + number}|ط|{50 + number % 30}" for number in range(60))
"""Texts that nothing else in the store looks like."""
HIT = "12345|أ|6"
KEEP_SECONDS = 60.0


@pytest.fixture(autouse=True)
def core_limit() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_CORE)
    yield
    resource.setrlimit(resource.RLIMIT_CORE, before)


@pytest.fixture
def house_of(tmp_path: Path) -> Iterator[Callable[..., House]]:
    """Makes a house, and closes its store whatever happens."""
    with contextlib.ExitStack() as stack:

        def make(**more: Any) -> House:
            house = House(tmp_path, **more)
            stack.callback(house.store.close)
            return house

        yield make


def planted(number: int) -> PlateRead:
    """A read whose text is in it twice."""
    text = PLANTED[number % len(PLANTED)]
    alternative = PlateAlternative(text=text, confidence=0.1)
    return read(text).model_copy(update={"alternatives": (alternative,), "uncertain": number % 3 == 0})


def pictured(number: int) -> bytes:
    return crop(100 + number % 40, 30 + number)


def spellings(text: str) -> list[bytes]:
    """The text in every form in which it could lie on the disk: as it is, escaped, in UTF-16, without its region."""
    escaped = text.encode("ascii", "backslashreplace")
    return [text.encode(), escaped, escaped.upper(), text.encode("utf-16-le"), text[:7].encode()]


def bytes_on_disk(folder: Path) -> bytes:
    """Every file whole: ledger, its log and index, volumes, journals, lists, whatever lies about."""
    return b"\0\0".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def traces(folder: Path) -> list[str]:
    """What of the planted reads can be found."""
    found, data = [], bytes_on_disk(folder)
    for number in range(len(PLANTED)):
        picture = pictured(number)
        pieces = [picture[at : at + 48] for at in range(700, len(picture) - 48, 300)]  # after the tables
        if any(form in data for form in spellings(PLANTED[number])):
            found.append(f"text {number}")
        if any(piece in data for piece in pieces):
            found.append(f"picture {number}")
    return found


def test_the_scan_finds_what_an_ordinary_store_keeps(tmp_path: Path, house_of: Callable[..., House]) -> None:
    """Else it would prove nothing: it sees rows, the log, and free pages of rows that were deleted."""
    house = house_of()
    for number in range(len(PLANTED)):
        house.desk.record_read(planted(number), pictured(number))
    settle(house.store)
    assert len(traces(tmp_path)) == 2 * len(PLANTED)
    house.store.close()
    connection = sqlite3.connect(tmp_path / "store.db")
    connection.execute("PRAGMA secure_delete = OFF")
    for table in ("outbox", "events", "crops"):
        connection.execute(f"DELETE FROM {table}")
    connection.commit()
    connection.close()
    assert traces(tmp_path)


def test_a_read_that_hits_nothing_is_never_on_the_disk(tmp_path: Path, house_of: Callable[..., House]) -> None:
    """Not while it may be held, not afterwards; not in ledger, log, free pages, clips, lists or copies."""
    house = house_of(non_hits_seconds=KEEP_SECONDS)
    house.publish(entry(HIT, 1))
    for number in range(len(PLANTED)):
        house.store.keep_clip(clip())
        house.desk.record_read(planted(number), pictured(number))
        house.clock.at += timedelta(seconds=1)
        if number % 10 == 0:
            house.desk.record_read(read(HIT), crop())
    house.look_back.look()
    settle(house.store)
    assert traces(tmp_path) == []
    assert house.non_hits is not None
    assert len(house.non_hits.held()) == KEEP_SECONDS - 1
    house.clock.at += timedelta(seconds=KEEP_SECONDS)
    assert house.non_hits.held() == []
    house.store.forget(timedelta(hours=48), timedelta(days=30)).result()
    assert traces(tmp_path) == []
    house.store.close()
    assert traces(tmp_path) == []
    assert all(form in bytes_on_disk(tmp_path) for form in (HIT.encode(),))


def test_reads_of_before_are_erased_when_the_law_begins(tmp_path: Path, house_of: Callable[..., House]) -> None:
    clock = FixedClock()
    house = house_of()
    house.publish(entry(HIT, 1))
    for number in range(len(PLANTED)):
        house.desk.record_read(planted(number), pictured(number))
    hit = read(HIT)
    house.desk.record_read(hit, crop())
    settle(house.store)
    house.store.close()
    aside = tmp_path / "store.db.damaged-20260301T000000-abcd"
    aside.write_bytes((tmp_path / "store.db").read_bytes())
    assert traces(tmp_path)
    law = LawSettings(keep_non_hits_seconds=0)
    assert obey(law, tmp_path, "edge", clock) is not None
    assert traces(tmp_path) == []
    store = open_store(tmp_path)
    assert store._reader.ask(check.broken) == []
    assert [row.event.kind for row in store.outbox_after("hit", 0, 10)] == ["plate_hit"]
    assert store.crop(hit.read_id) == crop()
    assert store.outbox_after("lpr", 0, 10) == []
    assert store.oldest()["lpr"] == store.newest()["lpr"] + 1 == len(PLANTED) + 2
    store.close()
    assert traces(tmp_path) == []
    assert erase_non_hits(tmp_path, "edge") == 0


def test_a_killed_agent_leaves_no_trace_either(tmp_path: Path) -> None:
    """Nothing is written, so that there is nothing which an end could prevent from being erased."""
    script = (
        "import os, sys; from pathlib import Path; from tests.agent.hotlists.house import House;"
        "from tests.agent.hotlists.test_law import *;"
        "house = House(Path(sys.argv[1]), non_hits_seconds=600);"
        "[house.desk.record_read(planted(n), pictured(n)) for n in range(60)];"
        "house.store.record_read(read(HIT), crop()); settle(house.store); os.kill(os.getpid(), 9)"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert ended.returncode == -9
    assert traces(tmp_path) == []
    assert HIT.encode() in bytes_on_disk(tmp_path)


def test_without_a_law_nothing_is_touched(tmp_path: Path) -> None:
    assert obey(LawSettings(), tmp_path, "edge", FixedClock()) is None
    assert list(tmp_path.iterdir()) == []


def test_memory_for_such_reads_has_a_bound(house_of: Callable[..., House]) -> None:
    house = house_of(non_hits_seconds=600)
    assert house.non_hits is not None
    for number in range(1000):
        house.non_hits.put(planted(number), b"x" * 4000)
    assert 100 < len(house.non_hits.held()) < 200


@pytest.mark.parametrize(
    ("lines", "answer"),
    [("", False), ("/dev/zram0 partition 1 0 5\n", False), ("/swapfile file 1 0 -2\n", True)],
)
def test_memory_that_can_go_to_a_disk_is_noticed(tmp_path: Path, lines: str, answer: bool) -> None:
    (tmp_path / "swaps").write_text(f"Filename Type Size Used Priority\n{lines}")
    assert may_swap(tmp_path / "swaps") is answer
    assert not may_swap(tmp_path / "missing")
