from contextlib import closing
from datetime import timedelta
from pathlib import Path

from tests.agent.store.samples import START, FixedClock, read
from tests.hits import plate_hit
from vigie_agent.store import Store
from vigie_agent.store.hits import StoredReads
from vigie_shared.events import PlateHit, PlateRead

MONTH = timedelta(days=30)


def hit(of: PlateRead) -> PlateHit:
    return plate_hit(of)


def known(folder: Path, reads: list[PlateRead]) -> list[bool]:
    """Whether the store remembers that each of them hit something."""
    stored = StoredReads(folder)
    try:
        return [bool(stored.hit_entries(one.read_id)) for one in reads]
    finally:
        stored.close()


def test_hits_go_with_their_pictures_and_not_while_their_read_can_be_matched_again(tmp_path: Path) -> None:
    clock = FixedClock()
    old, young = read(at=START), read("67890-B-1", at=START + MONTH)
    with closing(Store(tmp_path, "gate-1", keep_bytes_max=1 << 20, clock=clock)) as store:
        store.record_hits([hit(old)], b"jpeg").result()
        clock.at = START + MONTH + timedelta(hours=1)
        store.record_hits([hit(young)], b"jpeg").result()
        store.forget(timedelta(0), MONTH).result()
        assert known(tmp_path, [old, young]) == [True, True], "not sent yet: its event is here"
        store.note_receipt({"hit": 2}).result()
        store.forget(timedelta(minutes=30), MONTH).result()
        assert known(tmp_path, [old, young]) == [False, True]
        assert store.crop(young.read_id) == b"jpeg"
