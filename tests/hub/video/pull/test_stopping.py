"""A wish is stopped, goes on, or goes without what its agent does not offer."""

import asyncio
from pathlib import Path

from nats.aio.client import Client

from tests.hub.video.agents import CLIP_ID, SHA256, Clips, answering
from tests.hub.video.pull.test_puller import Hanging
from tests.hub.video.pull.test_pulls import database, has_failed, is_done, rows, settled, working
from vigie_hub.archive.files import Archive
from vigie_hub.database import Database
from vigie_hub.video.pull.progress import PullState
from vigie_hub.video.pull.puller import Puller
from vigie_hub.video.pull.pulls import PullQueue
from vigie_shared.transfer import BLOCK_BYTES

__all__ = ["database"]


def has_some(state: PullState | None) -> bool:
    return state is not None and state.seen.prefix_bytes >= BLOCK_BYTES


async def test_one_that_waits_is_stopped_and_can_be_asked_for_again(
    connection: Client, database: Database, archive: Archive
) -> None:
    queue = PullQueue(database, Puller(connection, archive))
    assert not await queue.stop(CLIP_ID), "nobody wanted it"
    await queue.request(CLIP_ID, quality="keyframes")
    await queue.request(CLIP_ID)
    assert await queue.stop(CLIP_ID)
    state = queue.state(CLIP_ID)
    assert state is not None
    assert (state.state, state.wanted) == ("stopped", ("keyframes", "original"))
    assert [row["outcome"] for row in await rows(database, "pulls")] == ["stopped"]
    async with answering(connection, Clips()), working(queue):
        await queue.request(CLIP_ID)
        await settled(queue, CLIP_ID, is_done)
    assert archive.intact(SHA256)
    assert await rows(database, "pulls") == []


async def test_one_that_is_stopped_and_at_once_asked_for_again_comes_whole(
    connection: Client, database: Database, archive: Archive
) -> None:
    queue, clips = PullQueue(database, Puller(connection, archive)), Hanging()
    async with answering(connection, clips), working(queue):
        await queue.request(CLIP_ID)
        await settled(queue, CLIP_ID, has_some)
        stopped, _asked = await asyncio.gather(queue.stop(CLIP_ID), queue.request(CLIP_ID))
        assert stopped
        clips.let_go.set()
        await settled(queue, CLIP_ID, is_done)
    assert archive.intact(SHA256)


async def test_whoever_stops_raises_and_asks_at_the_same_time_leaves_a_queue_that_works(
    connection: Client, database: Database, archive: Archive
) -> None:
    queue, clips = PullQueue(database, Puller(connection, archive)), Hanging()
    await asyncio.gather(queue.request(CLIP_ID), queue.stop(CLIP_ID), queue.request(CLIP_ID, "bulk"))
    async with answering(connection, clips), working(queue):
        await queue.request(CLIP_ID)
        await settled(queue, CLIP_ID, has_some)
        asked = (queue.request(CLIP_ID, quality=quality) for quality in ("thumbnail", "keyframes", "sub"))
        await asyncio.gather(*asked, queue.stop(CLIP_ID))
        clips.let_go.set()
        await queue.request(CLIP_ID)
        await settled(queue, CLIP_ID, is_done)
    assert archive.intact(SHA256)


async def test_what_an_old_agent_does_not_offer_keeps_nobody_from_the_clip(
    connection: Client, database: Database, archive: Archive
) -> None:
    queue = PullQueue(database, Puller(connection, archive))
    await queue.request(CLIP_ID, quality="keyframes")
    await queue.request(CLIP_ID)
    async with answering(connection, Clips()), working(queue):
        await settled(queue, CLIP_ID, is_done)
    assert archive.intact(SHA256)


async def test_where_nothing_else_was_wanted_it_fails_and_says_why(
    connection: Client, database: Database, archive: Archive
) -> None:
    queue = PullQueue(database, Puller(connection, archive))
    async with answering(connection, Clips()), working(queue):
        await queue.request(CLIP_ID, quality="keyframes")
        state = await settled(queue, CLIP_ID, has_failed)
    assert state is not None
    assert state.refused == ("keyframes",)
    assert "pull the original" in state.detail


async def test_a_stopped_wish_of_which_nothing_is_left_is_forgotten(
    connection: Client, database: Database, archive: Archive, tmp_path: Path
) -> None:
    before, clips = PullQueue(database, Puller(connection, archive)), Hanging()
    async with answering(connection, clips), working(before):
        await before.request(CLIP_ID)
        await settled(before, CLIP_ID, has_some)
        await before.stop(CLIP_ID)
        clips.let_go.set()
    after = PullQueue(database, Puller(connection, archive))
    async with working(after):
        state = await settled(after, CLIP_ID, has_some)
        assert state is not None
        assert state.state == "stopped"
    await asyncio.to_thread(archive.unfinished(SHA256).unlink)
    last = PullQueue(database, Puller(connection, archive))
    await last.request("f" * 22, "bulk")
    async with working(last):
        await settled(last, "f" * 22, has_failed)
        await settled(last, CLIP_ID, lambda state: state is None)
        assert [row["clip_id"] for row in await rows(database, "pulls")] == ["f" * 22]


def test_a_state_without_a_rate_has_no_end_in_sight() -> None:
    assert PullState("pulling", of_bytes=100).eta_seconds is None
    assert PullState("pulling", of_bytes=100, arrived_bytes=40, bytes_per_second=20).eta_seconds == 3
