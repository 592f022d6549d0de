"""Clips are named newest first, as what they are kept, and with what befell them."""

from datetime import timedelta
from pathlib import Path

from tests.agent.store.samples import START, clip, open_store, settle
from vigie_agent.store import Reader, repair
from vigie_agent.store.listing import listing


def test_clips_are_named_newest_first_with_what_befell_them(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    older, newer = clip(at=START), clip(at=START + timedelta(hours=1))
    for one in (newer, older):
        store.keep_clip(one)
    settle(store)
    repair.hold(tmp_path, older.clip_id, "legal", "case 7", None, START)
    store.keep_as(newer.clip_id, "alert").result()
    store.note_receipt({"clip": 1}).result()
    store.close()
    reader = Reader(tmp_path)
    first, second = listing(reader, None, 10)
    assert (first.clip_id, first.kept_as, first.is_held, first.is_acknowledged) == (newer.clip_id, "alert", False, True)
    assert (second.clip_id, second.kept_as, second.is_held, second.is_acknowledged) == (
        older.clip_id,
        "motion",
        True,
        False,
    )
    assert (second.camera_id, second.bytes, second.damaged_segments) == ("gate", older.bytes, 0)
    assert [one.clip_id for one in listing(reader, "gate", 1)] == [newer.clip_id]
    assert listing(reader, "yard", 10) == []
    reader.close()
