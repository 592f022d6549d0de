"""Corruption is confined: a bad page costs a segment, a bad volume its clips, a bad ledger nothing in the volumes."""

import io
import sqlite3
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import av
import pytest

from tests.agent.capture.films import packets_of
from tests.agent.store.samples import (
    START,
    FixedClock,
    clip,
    damage_segment,
    digest,
    filmed,
    motion,
    open_store,
    settle,
)
from tests.media.films import make_film, walk
from vigie_agent.camera import FinishedClip
from vigie_agent.capture.packets import Packet, StreamInfo
from vigie_agent.store import Reader, Store, repair, volumes
from vigie_agent.store.check import broken
from vigie_agent.store.database import FILE_NAME
from vigie_agent.store.export import export, stream_digest
from vigie_agent.store.scrub import Level, Scrub
from vigie_shared.errors import StoreError
from vigie_shared.events import GapRecorded

Film = tuple[StreamInfo, list[Packet]]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Film:
    return packets_of(make_film(tmp_path_factory.mktemp("film") / "film.mp4", walk(1, 3), seconds=6))


def kept_film(folder: Path, film: Film) -> FinishedClip:
    store = open_store(folder)
    one = filmed(*film)
    store.keep_clip(one)
    settle(store)
    store.close()
    return one


def kinds(folder: Path, level: Level) -> Sequence[tuple[str, int | None]]:
    reader = Reader(folder)
    found = [(finding.kind, finding.segment) for finding in Scrub(reader, folder).run(level)]
    reader.close()
    return found


def test_one_turned_bit_costs_one_segment_and_the_rest_plays(tmp_path: Path, film: Film) -> None:
    one = kept_film(tmp_path, film)
    assert kinds(tmp_path, Level.DIGEST) == []
    damage_segment(tmp_path, one.clip_id, 3)
    assert kinds(tmp_path, Level.SIZE) == []
    assert kinds(tmp_path, Level.DIGEST) == [("segment", 3)]
    reader = Reader(tmp_path)
    done = export(reader, one.clip_id, tmp_path / "out.mp4")
    assert (done.damaged, done.segments) == ((3,), len(one.segments))
    with pytest.raises(StoreError, match="cannot be exported exactly"):
        export(reader, one.clip_id, tmp_path / "exact.mp4", exact=True)
    reader.close()
    gops = len(one.segments) - 1
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert len(list(container.decode(video=0))) == len(film[1]) * (gops - 1) // gops


def test_what_a_pull_finds_damaged_is_refused_and_recorded_once_as_a_gap_of_its_seconds(
    tmp_path: Path, film: Film
) -> None:
    one = kept_film(tmp_path, film)
    damage_segment(tmp_path, one.clip_id, 2)
    store = open_store(tmp_path)
    for _ in range(2):
        with pytest.raises(StoreError, match="segment 2 is damaged"):
            store.manifest(one.clip_id)
        settle(store)
    (gap,) = [row.event for row in store.outbox_after("hlt", 0, 9) if isinstance(row.event, GapRecorded)]
    assert (gap.reason, gap.clip_id) == ("disk_error", one.clip_id)
    assert gap.at - one.at == timedelta(seconds=1)
    assert gap.ended_at - gap.at == timedelta(seconds=1)
    store.close()


def test_a_damaged_init_segment_is_there_a_second_time(tmp_path: Path, film: Film) -> None:
    one = kept_film(tmp_path, film)
    damage_segment(tmp_path, one.clip_id, 0)
    store = open_store(tmp_path)
    assert b"".join(store.read(one.clip_id, 0, one.bytes)) == b"".join(one.segments)
    store.close()


@pytest.mark.parametrize("exact", [True, False])
def test_an_export_plays_and_is_bit_identical(tmp_path: Path, film: Film, exact: bool) -> None:
    one = kept_film(tmp_path, film)
    reader = Reader(tmp_path)
    done = export(reader, one.clip_id, tmp_path / "out.mp4", exact=exact)
    reader.close()
    written = (tmp_path / "out.mp4").read_bytes()
    digest, packets = stream_digest(b"".join(one.segments))
    assert (done.stream_sha256, done.packets) == (digest, packets) == stream_digest(written)
    assert packets == len(film[1])
    assert (written == b"".join(one.segments)) == exact
    if not exact:
        assert written.index(b"moov") < written.index(b"mdat"), "a player wants the index in front"
        assert b"moof" not in written
    with av.open(io.BytesIO(written), "r") as container:
        assert len(list(container.decode(video=0))) == len(film[1])
    assert list(tmp_path.glob(".*.part")) == []


def test_a_volume_whose_header_is_gone_costs_its_clips_and_takes_no_more(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    lost, after = clip(300_000), clip(200_000)
    store.keep_clip(lost)
    settle(store)
    store.close()
    (path,) = [volumes.path_of(tmp_path, number) for number in volumes.numbers(tmp_path)]
    with path.open("r+b") as file:
        file.write(b"\xff" * volumes.PAGE_BYTES)
    store = open_store(tmp_path)
    store.keep_clip(after)
    store.record(motion())
    settle(store)
    assert store.fault is None
    assert b"".join(store.read(after.clip_id, 0, after.bytes)) == b"".join(after.segments)
    with pytest.raises(StoreError, match="is damaged"):
        store.manifest(lost.clip_id)
    settle(store)
    store.close()
    assert {kind for kind, _segment in kinds(tmp_path, Level.PRESENCE)} == {"volume", "segment"}


def test_each_bad_page_of_a_volume_costs_at_most_what_lies_on_it(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    kept = [clip(150_000, segments=3) for _ in range(4)]
    for one in kept:
        store.keep_clip(one)
    settle(store)
    store.close()
    (path,) = [volumes.path_of(tmp_path, number) for number in volumes.numbers(tmp_path)]
    whole = path.read_bytes()
    pages = len(whole) // volumes.PAGE_BYTES
    hurt = 0
    for page in range(2, pages):  # pages 1 and 2 are the header and the root
        path.write_bytes(
            whole[: page * volumes.PAGE_BYTES] + b"\xa5" * volumes.PAGE_BYTES + whole[(page + 1) * volumes.PAGE_BYTES :]
        )
        bad = [finding for finding in kinds(tmp_path, Level.DIGEST) if finding[0] == "segment"]
        assert len(bad) <= 4, f"page {page} of {pages}: {bad}"
        hurt += bool(bad)
    assert hurt > pages // 2


def test_a_ledger_with_bad_pages_is_rebuilt_and_what_the_hub_lacks_is_saved(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    kept = [clip(100_000) for _ in range(3)]
    for one in kept:
        store.keep_clip(one)
    for _ in range(5):
        store.record(motion())
    settle(store)
    store.note_receipt({"mot": 2}).result()
    repair.hold(tmp_path, kept[0].clip_id, "legal", "case 11", None, START)
    store.keep_as(kept[1].clip_id, "alert").result()
    epoch = store.epoch
    store.close()
    _spoil_table(tmp_path / FILE_NAME, "segments_by_place")
    store = open_store(tmp_path)
    settle(store)
    assert store.epoch != epoch
    for one in kept:
        assert b"".join(store.read(one.clip_id, 0, one.bytes)) == b"".join(one.segments)
    assert store.newest()["mot"] == 3, "those that the hub had not signed for"
    assert [hold.clip_id for hold in store._reader.holds()] == [kept[0].clip_id]
    assert store._reader.ask(broken) == []
    store.close()


def _spoil_table(path: Path, table: str) -> None:
    """Overwrite the root page of a table or index."""
    connection = sqlite3.connect(path)
    (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
    with path.open("r+b") as file:
        file.seek((root - 1) * page_bytes)
        file.write(b"\xa5" * page_bytes)


def test_clips_of_the_first_schema_are_read_and_leave_like_others(tmp_path: Path) -> None:
    old, new = clip(3000), clip(3000)
    _store_of_the_first_schema(tmp_path, old)
    store = open_store(tmp_path, keep_bytes_max=5000, clock=FixedClock(START + timedelta(hours=1)))
    assert b"".join(store.read(old.clip_id, 0, old.bytes)) == b"".join(old.segments)
    assert store.manifest(old.clip_id) is not None
    assert store._reader.ask(broken) == []
    store.keep_clip(new)
    settle(store)
    assert (store.manifest(old.clip_id), store.counts().clips) == (None, 1)
    store.close()
    open_store(tmp_path).close()
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    assert connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'old_segments'").fetchone() is None
    connection.close()


def _store_of_the_first_schema(folder: Path, one: FinishedClip) -> None:
    from importlib import resources

    connection = sqlite3.connect(folder / FILE_NAME, isolation_level=None)
    connection.executescript(resources.files("vigie_agent.store").joinpath("schema.sql").read_text())
    connection.execute("PRAGMA user_version = 1")
    at, ended_at = "2026-03-01T08:00:00.000Z", "2026-03-01T08:00:10.000Z"
    connection.execute("INSERT INTO meta VALUES (1, ?, 'edge', ?, NULL)", ("0" * 22, at))
    body = (
        f'{{"kind":"clip_stored","at":"{at}","camera_id":"gate","clip_id":"{one.clip_id}","ended_at":"{ended_at}",'
        f'"motion_id":"{one.motion_id}","bytes":{one.bytes},"sha256":"{digest(one)}","codec":"h264","width_px":640,'
        '"height_px":360}'
    )
    connection.execute("INSERT INTO events VALUES (1, 'clip_stored', 'gate', ?, ?)", (at, body))
    connection.execute("UPDATE lanes SET newest = 1 WHERE lane = 'clip'")
    connection.execute("INSERT INTO outbox VALUES ('clip', 1, 1)")
    connection.execute(
        "INSERT INTO clips VALUES (?, 'gate', ?, ?, 1, ?, ?, x'00', NULL)",
        (one.clip_id, at, ended_at, one.bytes, digest(one)),
    )
    first_byte = 0
    for idx, data in enumerate(one.segments):
        connection.execute(
            "INSERT INTO segments (clip_id, idx, first_byte, size, bytes) VALUES (?, ?, ?, ?, ?)",
            (one.clip_id, idx, first_byte, len(data), data),
        )
        first_byte += len(data)
    for state in ("recorded", "hashed", "indexed"):
        connection.execute("INSERT INTO ledger VALUES (?, ?, ?)", (one.clip_id, state, at))
    connection.close()


def test_a_store_is_no_larger_than_what_it_may_keep_however_long_it_runs(tmp_path: Path) -> None:
    store: Store = open_store(tmp_path, keep_bytes_max=20_000_000)
    for number in range(60):
        store.keep_clip(clip(700_000 + 37_000 * (number % 9), segments=3))
        settle(store)
    sizes = [volumes.path_of(tmp_path, number).stat().st_size for number in volumes.numbers(tmp_path)]
    assert sum(sizes) < 20_000_000 * 1.06 + 2 * volumes.bytes_max_for(20_000_000), sizes
    store.close()
