"""What is wanted, and what came of it, outlives the hub."""

import asyncio
from pathlib import Path

import pytest

from tests.hub.video.pull.played import manifest_of
from tests.hub.video.pull.test_pulls import INDEXED
from vigie_hub.database import Database
from vigie_hub.video.pull.pieces import Quality
from vigie_hub.video.pull.progress import Seen
from vigie_hub.video.pull.results import ArchivedClip
from vigie_hub.video.pull.wishes import Wishes, archive_clip
from vigie_shared.clock import SystemClock

CLIP_ID = "c" * 22
WANTED: tuple[Quality, ...] = ("keyframes", "original")


async def test_a_wish_is_known_again_with_what_was_signed(tmp_path: Path) -> None:
    async with Database(tmp_path / "hub.db") as database:
        wishes = Wishes(database, SystemClock())
        await wishes.ask(CLIP_ID, "clip", WANTED)
        await wishes.end(CLIP_ID, "stopped", "", Seen(manifest_of(b"clip"), small=manifest_of(b"small")))
    async with Database(tmp_path / "hub.db") as database:
        (wish,) = await Wishes(database, SystemClock()).all()
        assert (wish.clip_id, wish.qualities, wish.outcome, wish.promise) == (CLIP_ID, WANTED, "stopped", None)
        assert (wish.seen.manifest, wish.seen.small) == (manifest_of(b"clip"), manifest_of(b"small"))
        await Wishes(database, SystemClock()).ask(CLIP_ID, "bulk", ("original",))
        (again,) = await Wishes(database, SystemClock()).all()
        assert (again.priority, again.qualities, again.outcome) == ("bulk", ("original",), None)


async def test_an_end_that_was_told_lands_though_the_hub_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Database(tmp_path / "hub.db") as database:
        wishes = Wishes(database, SystemClock())
        await wishes.ask(CLIP_ID, "clip", WANTED)
        ending = asyncio.create_task(wishes.end(CLIP_ID, "failed", "no", Seen()))
        await asyncio.sleep(0)
        ending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ending
        assert [wish.outcome for wish in await wishes.all()] == ["failed"]


async def test_a_clip_that_is_here_is_wanted_no_more(tmp_path: Path) -> None:
    async def pulled() -> ArchivedClip:
        return ArchivedClip(CLIP_ID, "0" * 64, 4, SystemClock().now(), 0.1, 4)

    async with Database(tmp_path / "hub.db") as database:
        row = (CLIP_ID, "gate", 4, "0" * 64)
        await database.write(lambda connection: connection.execute(INDEXED, row).rowcount)
        wishes = Wishes(database, SystemClock())
        await wishes.ask(CLIP_ID, "clip", WANTED)
        await archive_clip(database, pulled(), f"gate/{CLIP_ID}", SystemClock())
        assert await wishes.all() == []
