"""A clip is pulled whole and exact, or not at all."""

import asyncio
import hashlib
import subprocess
import sys
import threading
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.agent.store.samples import clip as finished_clip
from tests.agent.store.samples import open_store, settle
from tests.guards.descriptors import open_descriptors
from tests.hub.video.agents import AGENT_ID, CLIP, CLIP_ID, FILM, SHA256, Clips, answering, is_idle
from tests.servers.nats_server import NatsServer
from vigie_agent.camera import FinishedClip
from vigie_agent.store import Store
from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.uplink.link_settings import LinkSettings
from vigie_hub.archive.files import Archive
from vigie_hub.video.offering import AwayError
from vigie_hub.video.pull.puller import OnProgress, Puller, PullLimits
from vigie_hub.video.pull.results import ArchivedClip
from vigie_hub.video.pull.transfer import RefusedError
from vigie_shared.clock import SystemClock
from vigie_shared.errors import DigestError, StoreError, TransferError, WireError
from vigie_shared.link import Barrier, Priority
from vigie_shared.transfer import BLOCK_BYTES, Manifest, block_digests

REPOSITORY = Path(__file__).parents[4]
IMPATIENT = PullLimits(stall_seconds=1, retry_seconds=0.05, retry_seconds_max=0.05, fruitless_attempts_max=2)
PATIENT = PullLimits(
    stall_seconds=3, retry_seconds=0.1, retry_seconds_max=0.1, fruitless_attempts_max=500, away_attempts_max=500
)


async def pull(puller: Puller, on_progress: OnProgress = lambda verified_bytes: None) -> ArchivedClip:
    return await puller.pull(AGENT_ID, CLIP_ID, len(CLIP), SHA256, on_progress)


def names(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "archive").rglob("*") if path.is_file())


async def test_a_clip_arrives_as_it_is_at_the_edge(connection: Client, archive: Archive, tmp_path: Path) -> None:
    progress: list[int] = []
    sha256 = hashlib.sha256(FILM).hexdigest()
    async with answering(connection, Clips(FILM)) as answerer:
        clip = await Puller(connection, archive).pull(AGENT_ID, CLIP_ID, len(FILM), sha256, progress.append)
        await is_idle(answerer)
    assert archive.path(sha256).read_bytes() == FILM
    assert (clip.clip_id, clip.sha256, clip.bytes, clip.received_bytes) == (CLIP_ID, sha256, len(FILM), len(FILM))
    assert progress == [*range(0, len(FILM), BLOCK_BYTES), len(FILM)]
    assert names(tmp_path) == [f"{sha256}.mp4"]


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[tuple[Store, FinishedClip]]:
    """The agent's own store, with one clip in it."""
    store, clip = open_store(tmp_path / "agent"), finished_clip(size_bytes=3 * BLOCK_BYTES + 17, segments=5)
    store.keep_clip(clip)
    settle(store)
    yield store, clip
    store.close()


async def test_a_clip_comes_out_of_the_agents_store(
    connection: Client, archive: Archive, kept: tuple[Store, FinishedClip]
) -> None:
    store, clip = kept
    sha256 = hashlib.sha256(b"".join(clip.segments)).hexdigest()
    async with answering(connection, store):
        await Puller(connection, archive).pull(AGENT_ID, clip.clip_id, clip.bytes, sha256)
    assert archive.path(sha256).read_bytes() == b"".join(clip.segments)


async def test_a_clip_that_is_here_is_not_pulled_again(connection: Client, archive: Archive) -> None:
    async with answering(connection, Clips()):
        await pull(Puller(connection, archive))
    clip = await pull(Puller(connection, archive, limits=IMPATIENT))
    assert clip.received_bytes == 0


class FlippedByte(Clips):
    """One bit of block 3 is not what the manifest says."""

    def read(self, clip_id: str, offset: int, length: int) -> Iterator[bytes]:
        data = bytearray(b"".join(super().read(clip_id, offset, length)))
        at = 3 * BLOCK_BYTES + 77 - offset
        if 0 <= at < length:
            data[at] ^= 1
        yield bytes(data)


class ForgedManifest(Clips):
    """Every block agrees with the manifest, and the manifest promises the digest that the hub expects."""

    def manifest(self, clip_id: str) -> Manifest | None:
        blocks = block_digests([self.clip])[1]
        return Manifest(clip_id=clip_id, bytes=len(self.clip), sha256=SHA256, block_sha256=blocks)


class OtherClip(Clips):
    """Answers with the manifest of another clip."""

    def manifest(self, clip_id: str) -> Manifest | None:
        honest = super().manifest(clip_id)
        return honest.model_copy(update={"clip_id": "f" * 22}) if honest else None


@pytest.mark.parametrize(
    ("clips", "complaint"),
    [
        (FlippedByte(), "block 3 "),
        (ForgedManifest(CLIP[:-1] + b"?"), "another digest"),
        (Clips(CLIP[:-1]), "other bytes"),
        (Clips(CLIP[:-1] + b"?"), "other bytes"),
        (OtherClip(), "other bytes"),
    ],
    ids=["flipped byte", "forged manifest", "wrong size", "wrong bytes", "other clip"],
)
async def test_a_lying_agent_is_found_out_and_leaves_no_file(
    connection: Client, archive: Archive, tmp_path: Path, clips: Clips, complaint: str
) -> None:
    async with answering(connection, clips):
        with pytest.raises(DigestError, match=complaint):
            await pull(Puller(connection, archive))
    assert names(tmp_path) == []


async def test_an_unknown_clip_is_refused_with_the_reason(connection: Client, archive: Archive) -> None:
    async with answering(connection, Clips()):
        with pytest.raises(RefusedError, match="overwritten"):
            await Puller(connection, archive).pull(AGENT_ID, "e" * 22, len(CLIP), SHA256)


class Overwritten(Clips):
    """The ring has taken the end of the clip."""

    def read(self, clip_id: str, offset: int, length: int) -> Iterator[bytes]:
        return iter(()) if offset > 1_000_000 else super().read(clip_id, offset, length)


async def test_a_clip_that_goes_while_it_is_read_is_refused(
    connection: Client, archive: Archive, tmp_path: Path
) -> None:
    async with answering(connection, Overwritten()):
        with pytest.raises(RefusedError, match="are gone"):
            await pull(Puller(connection, archive))
    assert names(tmp_path) == [f"{SHA256}.part"]


async def test_an_agent_that_is_not_there_is_named_after_a_few_attempts(connection: Client, archive: Archive) -> None:
    with pytest.raises(AwayError, match=f"agent {AGENT_ID} is not connected; tried 2 times"):
        await pull(Puller(connection, archive, limits=IMPATIENT))


async def test_an_answer_that_is_none_breaks_the_contract(connection: Client, archive: Archive) -> None:
    async def answer(message: Msg) -> None:
        await message.respond(b'{"reply": "answer"}')

    await connection.subscribe(f"c.{AGENT_ID}.sig.*", cb=answer)
    with pytest.raises(WireError, match="does not know"):
        await pull(Puller(connection, archive))


class Hanging(Clips):
    """The agent's disk hangs once, behind the second block, until let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()
        self.hung = False

    def read(self, clip_id: str, offset: int, length: int) -> Iterator[bytes]:
        if offset > 2 * BLOCK_BYTES and not self.hung:
            self.hung = True
            self.let_go.wait(30)
        return super().read(clip_id, offset, length)


async def test_a_stalled_session_is_given_up_and_resumed_at_its_block(connection: Client, archive: Archive) -> None:
    clips = Hanging()
    async with answering(connection, clips):
        try:
            clip = await pull(Puller(connection, archive, limits=IMPATIENT))
        finally:
            clips.let_go.set()
    assert len(CLIP) <= clip.received_bytes <= len(CLIP) + BLOCK_BYTES
    assert len(clip.roads) == 2
    assert archive.intact(SHA256)


async def test_an_agent_that_keeps_stalling_is_given_up(connection: Client, archive: Archive, tmp_path: Path) -> None:
    class Frozen(Clips):
        def read(self, clip_id: str, offset: int, length: int) -> Iterator[bytes]:
            let_go.wait(30)
            return super().read(clip_id, offset, length)

    let_go = threading.Event()
    async with answering(connection, Frozen()):
        try:
            with pytest.raises(TransferError, match=r"nothing came from the agent for 2.5 s; tried 2 times"):
                await pull(Puller(connection, archive, limits=IMPATIENT))
        finally:
            let_go.set()
    assert names(tmp_path) == [f"{SHA256}.part"]


async def agent_process(nats_server: NatsServer) -> Process:
    """An agent in a process of its own, once it takes offers."""
    module = [sys.executable, "-m", "tests.hub.video.agents", nats_server.url, str(len(FILM))]
    process = await asyncio.create_subprocess_exec(*module, cwd=REPOSITORY, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


async def test_a_killed_agent_that_returns_sends_at_most_one_block_again(
    nats_server: NatsServer, connection: Client, archive: Archive
) -> None:
    first = await agent_process(nats_server)
    killed = asyncio.Event()

    def kill_half_way(verified_bytes: int) -> None:
        if verified_bytes >= len(FILM) // 2 and not killed.is_set():
            first.kill()
            killed.set()

    puller, sha256 = Puller(connection, archive, limits=PATIENT), hashlib.sha256(FILM).hexdigest()
    async with asyncio.TaskGroup() as group:
        pulling = group.create_task(puller.pull(AGENT_ID, CLIP_ID, len(FILM), sha256, kill_half_way))
        await killed.wait()
        await first.wait()
        second = await agent_process(nats_server)
        clip = await pulling
    second.kill()
    await second.wait()
    assert archive.path(sha256).read_bytes() == FILM
    assert len(FILM) <= clip.received_bytes <= len(FILM) + BLOCK_BYTES


async def test_a_hub_that_restarts_goes_on_where_it_was(connection: Client, archive: Archive) -> None:
    reached = asyncio.Event()
    async with answering(connection, Clips()):
        pulling = asyncio.create_task(
            pull(Puller(connection, archive), lambda verified: reached.set() if verified >= 3 * BLOCK_BYTES else None)
        )
        await reached.wait()
        pulling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pulling
        clip = await pull(Puller(connection, archive))
    assert clip.received_bytes <= len(CLIP) - 3 * BLOCK_BYTES
    assert archive.intact(SHA256)


async def test_a_damaged_part_is_pulled_again_from_the_damage(connection: Client, archive: Archive) -> None:
    def leave_a_damaged_part() -> None:
        with archive.part(SHA256, len(CLIP)) as part:
            part.write(0, CLIP[: 4 * BLOCK_BYTES])
            part.write(2 * BLOCK_BYTES + 5, b"damage")

    await asyncio.to_thread(leave_a_damaged_part)
    async with answering(connection, Clips()):
        clip = await pull(Puller(connection, archive))
    assert clip.received_bytes == len(CLIP) - 3 * BLOCK_BYTES
    assert archive.path(SHA256).read_bytes() == CLIP


class Census:
    """Tasks, by what they run, and descriptors."""

    def __init__(self) -> None:
        self.before = self.now()

    @staticmethod
    def now() -> Counter[str]:
        return Counter(str(getattr(task.get_coro(), "__qualname__", task)) for task in asyncio.all_tasks()) + (
            open_descriptors()
        )

    async def is_as_before(self) -> None:
        """Return as soon as nothing is left; TimeoutError where something stays."""
        async with asyncio.timeout(5):
            while self.now() - self.before:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("verified_bytes", [0, 3 * BLOCK_BYTES], ids=["open", "half way"])
async def test_a_cancelled_pull_leaves_no_task_and_no_descriptor(
    connection: Client, archive: Archive, verified_bytes: int
) -> None:
    async with answering(connection, Clips()) as answerer:
        census = Census()
        reached = asyncio.Event()
        pulling = asyncio.create_task(
            pull(Puller(connection, archive), lambda verified: reached.set() if verified >= verified_bytes else None)
        )
        await reached.wait()
        pulling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pulling
        await census.is_as_before()
        await is_idle(answerer)


async def test_a_pull_cancelled_while_it_waits_for_an_answer_leaves_nothing(
    connection: Client, archive: Archive
) -> None:
    offered = asyncio.Event()

    async def never_answer(message: Msg) -> None:
        offered.set()

    await connection.subscribe(f"c.{AGENT_ID}.sig.*", cb=never_answer)
    census = Census()
    pulling = asyncio.create_task(pull(Puller(connection, archive)))
    await offered.wait()
    pulling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pulling
    await census.is_as_before()


async def test_many_pulls_in_a_row_leave_nothing_behind(connection: Client, tmp_path: Path) -> None:
    clips = Clips(CLIP[:1000])
    sha256 = block_digests([clips.clip])[0]
    async with answering(connection, clips):
        census = Census()
        for number in range(10):
            archive = Archive(tmp_path / str(number))
            await Puller(connection, archive).pull(AGENT_ID, CLIP_ID, 1000, sha256)
        await census.is_as_before()


async def test_a_disk_that_refuses_ends_the_pull_at_once(connection: Client, archive: Archive, tmp_path: Path) -> None:
    archive.path(SHA256).parent.parent.write_text("a file, where the archive should be")
    async with answering(connection, Clips()):
        with pytest.raises(StoreError):
            await pull(Puller(connection, archive))


class MovedClock(SystemClock):
    days = 0

    def now(self) -> datetime:
        return super().now() + timedelta(days=self.days)


class CountedBudget(LinkBudget):
    asked = 0

    def barrier(self, priority: Priority) -> Barrier | None:
        self.asked += 1
        return super().barrier(priority)


async def test_a_used_up_quota_costs_a_pull_no_attempt(connection: Client, archive: Archive) -> None:
    clock = MovedClock()
    budget = CountedBudget(LinkSettings(kind="dock", quota_mb_per_day=10), clock)
    budget.spend(8_100_000)
    limits = PullLimits(fruitless_attempts_max=1, wait_seconds_max=0.05)
    async with answering(connection, Clips(), budget=budget), asyncio.TaskGroup() as tasks:
        pulled = tasks.create_task(pull(Puller(connection, archive, limits=limits)))
        async with asyncio.timeout(30):
            while budget.asked < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        clock.days = 1
        assert (await pulled).sha256 == SHA256


async def test_a_pull_that_gets_no_turn_for_long_does_not_stall(connection: Client, archive: Archive) -> None:
    budget = LinkBudget(LinkSettings(rate_kbps=40_000))
    budget.spend(5_000_000 * 6)
    limits = PullLimits(stall_seconds=4.5, fruitless_attempts_max=1)
    async with answering(connection, Clips(), budget=budget):
        assert (await pull(Puller(connection, archive, limits=limits))).sha256 == SHA256
