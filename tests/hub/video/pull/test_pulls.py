"""A wish for a clip is fulfilled once, and its state can be asked at any time."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from nats.aio.client import Client

from tests.hub.video.agents import AGENT_ID, CLIP, CLIP_ID, SHA256, Clips, answering
from vigie_hub.archive.files import Archive
from vigie_hub.database import Database
from vigie_hub.video.pull.progress import PullState, Watcher
from vigie_hub.video.pull.puller import OnProgress, Puller, PullLimits
from vigie_hub.video.pull.pulls import WAITING_MAX, PullQueue
from vigie_hub.video.pull.results import ArchivedClip
from vigie_shared.errors import StoreError
from vigie_shared.signaling import ClipPriority

IMPATIENT = PullLimits(stall_seconds=1, retry_seconds=0.05, retry_seconds_max=0.05, fruitless_attempts_max=1)
INDEXED = """
INSERT INTO clips (clip_id, event_id, agent_id, camera_id, at, ended_at, bytes, sha256, codec, width_px, height_px)
VALUES (?, 1, ?, 'north', '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:10.000Z', ?, ?, 'h264', 768, 432)
"""


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """A read model that knows one clip."""
    async with Database(tmp_path / "hub.db") as database:
        row = (CLIP_ID, AGENT_ID, len(CLIP), SHA256)
        await database.write(lambda connection: connection.execute(INDEXED, row).rowcount)
        yield database


@asynccontextmanager
async def working(queue: PullQueue) -> AsyncIterator[PullQueue]:
    async with asyncio.TaskGroup() as group:
        running = group.create_task(queue.run())
        yield queue
        running.cancel()


async def settled(queue: PullQueue, clip_id: str, wanted: Callable[[PullState | None], bool]) -> PullState | None:
    async with asyncio.timeout(20):
        while not wanted(queue.state(clip_id)):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return queue.state(clip_id)


def is_done(state: PullState | None) -> bool:
    return state is None


def has_failed(state: PullState | None) -> bool:
    return state is not None and state.state == "failed"


async def rows(database: Database, table: str) -> list[dict[str, object]]:
    found = await database.read(lambda connection: connection.execute(f"SELECT * FROM {table}").fetchall())
    return [dict(row) for row in found]


async def test_a_wish_is_queued_pulled_and_recorded(connection: Client, database: Database, archive: Archive) -> None:
    queue = PullQueue(database, Puller(connection, archive))
    assert queue.state(CLIP_ID) is None
    await queue.request(CLIP_ID)
    assert queue.state(CLIP_ID) == PullState("queued")
    async with answering(connection, Clips()), working(queue):
        pulling = await settled(queue, CLIP_ID, lambda state: state is not None and state.bytes > 0)
        assert pulling is not None
        assert pulling.state == "pulling"
        assert pulling.seconds > 0
        await settled(queue, CLIP_ID, is_done)
    (row,) = await rows(database, "archived_clips")
    assert (row["clip_id"], row["sha256"], row["bytes"]) == (CLIP_ID, SHA256, len(CLIP))
    assert archive.path(SHA256).read_bytes() == CLIP


async def test_open_pages_hear_that_a_pull_begins_and_that_it_is_done(
    connection: Client, database: Database, archive: Archive
) -> None:
    told: list[tuple[str, bool]] = []

    def tell(topic: str) -> None:
        told.append((topic, queue.state(CLIP_ID) is None))

    queue = PullQueue(database, Puller(connection, archive), tell=tell)
    async with answering(connection, Clips()), working(queue):
        await queue.request(CLIP_ID)
        await settled(queue, CLIP_ID, is_done)
    assert told == [("clips", False), ("clips", True)]


async def test_a_wish_made_often_is_pulled_once(connection: Client, database: Database, archive: Archive) -> None:
    queue = PullQueue(database, Puller(connection, archive))
    async with answering(connection, Clips()) as answerer, working(queue):
        for _number in range(5):
            await queue.request(CLIP_ID)
        await settled(queue, CLIP_ID, lambda state: state is not None and state.bytes > 0)
        await queue.request(CLIP_ID)
        assert answerer.session_count == 1
        await settled(queue, CLIP_ID, is_done)
        await queue.request(CLIP_ID)
        await settled(queue, CLIP_ID, is_done)
    assert len(await rows(database, "archived_clips")) == 1


async def test_a_pull_waits_for_its_agent_and_goes_on_when_it_is_back(
    connection: Client, database: Database, archive: Archive
) -> None:
    queue = PullQueue(database, Puller(connection, archive, limits=IMPATIENT))
    async with working(queue):
        await queue.request(CLIP_ID)
        state = await settled(queue, CLIP_ID, lambda state: state is not None and state.detail != "")
        assert state is not None
        assert (state.state, "not connected" in state.detail) == ("queued", True)
        async with answering(connection, Clips()):
            queue.alive(AGENT_ID)
            await settled(queue, CLIP_ID, is_done)
    assert len(await rows(database, "archived_clips")) == 1
    assert await rows(database, "pulls") == []


async def test_a_failure_says_why_outlives_the_hub_and_can_be_asked_for_again(
    connection: Client, database: Database, archive: Archive
) -> None:
    class Refusing(Clips):
        def read(self, clip_id: str, offset: int, length: int) -> Iterator[bytes]:
            raise StoreError("the disk is wet")

    queue = PullQueue(database, Puller(connection, archive, limits=IMPATIENT))
    async with answering(connection, Refusing()), working(queue):
        await queue.request(CLIP_ID)
        await settled(queue, CLIP_ID, has_failed)
    after = PullQueue(database, Puller(connection, archive, limits=IMPATIENT))
    async with answering(connection, Clips()), working(after):
        state = await settled(after, CLIP_ID, has_failed)
        assert state is not None
        assert "the disk is wet" in state.detail
        await after.request(CLIP_ID)
        await settled(after, CLIP_ID, is_done)
    assert len(await rows(database, "archived_clips")) == 1


async def test_what_waits_is_pulled_by_the_next_hub(connection: Client, database: Database, archive: Archive) -> None:
    await PullQueue(database, Puller(connection, archive)).request(CLIP_ID, "evidence")
    queue = PullQueue(database, Puller(connection, archive))
    async with answering(connection, Clips()), working(queue):
        await settled(queue, CLIP_ID, lambda state: state is not None and state.priority == "evidence")
        await settled(queue, CLIP_ID, is_done)
    assert archive.path(SHA256).read_bytes() == CLIP


async def test_more_urgent_wishes_go_first(connection: Client, database: Database, archive: Archive) -> None:
    begun: list[str] = []

    class Noting(Puller):
        async def pull(self, agent_id: str, clip_id: str, *_more: object, **_named: object) -> ArchivedClip:
            begun.append(clip_id)
            raise StoreError("enough")

    queue = PullQueue(database, Noting(connection, archive), pulls_at_once=1)
    names = {"bulk": "a" * 22, "evidence": "b" * 22, "clip": "c" * 22, "raised": "d" * 22}
    for name in names.values():
        row = (name, AGENT_ID, len(CLIP), SHA256)
        await database.write(lambda connection, row=row: connection.execute(INDEXED, row).rowcount)  # type: ignore[misc]
    await queue.request(names["bulk"], "bulk")
    await queue.request(names["raised"], "bulk")
    await queue.request(names["evidence"], "evidence")
    await queue.request(names["raised"], "clip")
    await queue.request(names["clip"], "clip")
    await queue.request(names["clip"], "bulk")
    kept = {str(row["clip_id"]): row["priority"] for row in await rows(database, "pulls")}
    assert [kept[names[name]] for name in ("bulk", "raised", "clip")] == ["bulk", "clip", "clip"], "it outlives the hub"
    async with working(queue):
        await settled(queue, names["bulk"], has_failed)
    assert begun == [names["raised"], names["clip"], names["evidence"], names["bulk"]]


async def test_strays_are_swept_and_what_is_wanted_stays(
    connection: Client, database: Database, archive: Archive
) -> None:
    def leave(sha256: str) -> Path:
        with archive.part(sha256, 10) as part:
            part.write(0, b"unfinished")
        path = archive.path(sha256).with_suffix(".part")
        os.utime(path, (0, 0))
        return path

    stray, wanted = await asyncio.to_thread(leave, "0" * 64), await asyncio.to_thread(leave, SHA256)
    queue = PullQueue(database, Puller(connection, archive), pulls_at_once=0)
    await queue.request(CLIP_ID)
    async with working(queue):
        async with asyncio.timeout(10):
            while stray.exists():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    assert wanted.exists()


async def test_other_bytes_than_promised_are_put_on_record(
    connection: Client, database: Database, archive: Archive
) -> None:
    queue = PullQueue(database, Puller(connection, archive))
    async with answering(connection, Clips(CLIP[:-1] + b"?")), working(queue):
        await queue.request(CLIP_ID)
        state = await settled(queue, CLIP_ID, has_failed)
    assert state is not None
    assert "other bytes" in state.detail
    (record,) = await rows(database, "audit")
    assert (record["user"], record["action"]) == ("hub", "clip_digest_mismatch")
    assert record["target"] == f"{AGENT_ID}/{CLIP_ID}"
    assert await rows(database, "archived_clips") == []


async def test_a_clip_that_the_hub_does_not_know_fails(
    connection: Client, database: Database, archive: Archive
) -> None:
    queue = PullQueue(database, Puller(connection, archive))
    async with working(queue):
        await queue.request("e" * 22)
        state = await settled(queue, "e" * 22, has_failed)
    assert state is not None
    assert "knows no clip" in state.detail


async def test_a_fault_in_one_pull_leaves_the_queue_working(
    connection: Client, database: Database, archive: Archive
) -> None:
    class Faulty(Puller):
        faults = 1

        async def pull(
            self,
            agent_id: str,
            clip_id: str,
            expected_bytes: int,
            expected_sha256: str,
            on_progress: OnProgress = lambda verified_bytes: None,
            *,
            priority: ClipPriority = "clip",
            watcher: Watcher | None = None,
        ) -> ArchivedClip:
            if self.faults:
                self.faults -= 1
                raise RuntimeError("nobody expected this")
            return await super().pull(
                agent_id, clip_id, expected_bytes, expected_sha256, on_progress, priority=priority, watcher=watcher
            )

    queue = PullQueue(database, Faulty(connection, archive), pulls_at_once=1)
    async with answering(connection, Clips()), working(queue):
        await queue.request(CLIP_ID)
        state = await settled(queue, CLIP_ID, has_failed)
        assert state is not None
        assert "its log says more" in state.detail
        await queue.request(CLIP_ID)
        await settled(queue, CLIP_ID, is_done)
    assert len(await rows(database, "archived_clips")) == 1


async def test_a_restarted_hub_goes_on_from_what_is_on_disk_without_being_asked(
    connection: Client, database: Database, archive: Archive
) -> None:
    async with answering(connection, Clips()):
        before = PullQueue(database, Puller(connection, archive))
        async with working(before):
            await before.request(CLIP_ID)
            await settled(before, CLIP_ID, lambda state: state is not None and state.bytes > 500_000)
        after = PullQueue(database, Puller(connection, archive))
        assert after.state(CLIP_ID) is None
        assert await rows(database, "archived_clips") == []
        async with working(after):
            state = await settled(after, CLIP_ID, lambda state: state is not None and state.bytes > 0)
            assert state is not None
            assert state.bytes >= 500_000
            await settled(after, CLIP_ID, is_done)
    assert len(await rows(database, "archived_clips")) == 1


async def test_a_file_without_a_row_gets_its_row(connection: Client, database: Database, archive: Archive) -> None:
    def store() -> None:
        with archive.part(SHA256, len(CLIP)) as part:
            part.write(0, CLIP)
            part.commit()

    await asyncio.to_thread(store)
    queue = PullQueue(database, Puller(connection, archive))
    async with working(queue):
        await queue.request(CLIP_ID)
        await settled(queue, CLIP_ID, is_done)
    assert len(await rows(database, "archived_clips")) == 1


async def test_more_wishes_than_may_wait_are_refused(connection: Client, database: Database, archive: Archive) -> None:
    queue = PullQueue(database, Puller(connection, archive))
    for number in range(WAITING_MAX + 1):
        await queue.request(f"{number:022x}")
    assert queue.state(f"{0:022x}") == PullState("queued")
    refused = queue.state(f"{WAITING_MAX:022x}")
    assert refused is not None
    assert refused.state == "failed"
    assert "waiting already" in refused.detail
