"""Clips come over TCP where that works, over the data channel where it does not, and nobody else gets in."""

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator
from pathlib import Path

import av
import httpx
import pytest
from nats.aio.client import Client

from tests.agent.capture.films import packets_of
from tests.hub.agents import new_key
from tests.hub.video.agents import AGENT_ID, CLIP, CLIP_ID, FILM, SHA256, Clips, answering, is_idle
from tests.hub.video.tcp import ELSEWHERE, Gate, open_gate
from tests.media.films import make_film, walk
from vigie_agent.clips.remux import remux
from vigie_agent.keys import AgentKey
from vigie_hub.archive.files import Archive
from vigie_hub.keys import PublicKey
from vigie_hub.video.pull.puller import Puller, PullLimits
from vigie_hub.video.pull.results import ArchivedClip
from vigie_hub.video.pull.roads import Road
from vigie_hub.video.pull.strip import strip
from vigie_hub.video.pull.transfer import Promise
from vigie_shared.errors import SignatureError, TransferError
from vigie_shared.road import PATH, SCHEME, proof
from vigie_shared.transfer import BLOCK_BYTES

IMPATIENT = PullLimits(stall_seconds=2, retry_seconds=0.05, retry_seconds_max=0.05, fruitless_attempts_max=2)
SESSION_ID = "a" * 22


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[Gate]:
    async with open_gate(tmp_path / "gate") as opened:
        yield opened


async def pull(puller: Puller, clip: bytes = CLIP) -> ArchivedClip:
    return await puller.pull(AGENT_ID, CLIP_ID, len(clip), hashlib.sha256(clip).hexdigest())


async def test_a_clip_comes_over_tcp_exactly(connection: Client, archive: Archive, gate: Gate) -> None:
    async with gate.answering(connection, Clips(FILM)) as answerer:
        clip = await pull(gate.puller(connection, archive), FILM)
        await is_idle(answerer)
    assert archive.path(clip.sha256).read_bytes() == FILM
    assert (clip.roads, clip.received_bytes) == (("tcp",), len(FILM))


async def test_an_older_agent_without_the_road_is_pulled_from_over_the_channel(
    connection: Client, archive: Archive, gate: Gate
) -> None:
    async with answering(connection, Clips()):
        clip = await pull(gate.puller(connection, archive))
    assert clip.roads == ("channel",)


async def test_a_hub_that_cannot_be_dialled_is_answered_over_the_channel_at_once_and_later_too(
    connection: Client, archive: Archive, gate: Gate, tmp_path: Path
) -> None:
    puller = gate.puller(connection, archive)
    async with gate.answering(connection, Clips(), road=gate.road("https://127.0.0.1:1")) as answerer:
        assert (await pull(puller)).roads == ("channel",)
        await is_idle(answerer)
        puller.archive = Archive(tmp_path / "another")
        assert (await pull(puller)).roads == ("channel",)


async def test_an_agent_believes_only_its_hubs_authority(
    connection: Client, archive: Archive, gate: Gate, tmp_path: Path
) -> None:
    async with (
        open_gate(tmp_path / "impostor") as impostor,
        gate.answering(connection, Clips(), road=gate.road(impostor.url)),
    ):
        assert (await pull(gate.puller(connection, archive))).roads == ("channel",)


async def test_a_session_that_breaks_is_resumed_at_its_block(connection: Client, archive: Archive, gate: Gate) -> None:
    broken: list[int] = []
    puller = gate.puller(connection, archive, IMPATIENT)
    async with gate.answering(connection, Clips(FILM)) as answerer:

        def cut(verified_bytes: int) -> None:
            if verified_bytes >= 5 * BLOCK_BYTES and not broken:
                broken.append(verified_bytes)
                for session in answerer._sessions.values():
                    session.cancel()

        clip = await puller.pull(AGENT_ID, CLIP_ID, len(FILM), hashlib.sha256(FILM).hexdigest(), cut)
    assert broken
    assert len(clip.roads) == 2
    assert len(FILM) <= clip.received_bytes <= len(FILM) + BLOCK_BYTES
    assert archive.path(clip.sha256).read_bytes() == FILM


@pytest.mark.parametrize(
    ("is_told", "road"), [(True, "tcp"), (False, "channel")], ids=["told where", "left in the dark"]
)
async def test_a_hub_that_gets_another_address_is_found_there(
    connection: Client, archive: Archive, gate: Gate, is_told: bool, road: Road
) -> None:
    """By TCP where the hub names its door, over the data channel where the agent knows the old address alone."""
    moved: list[int] = []
    puller = gate.puller(connection, archive, IMPATIENT, road="tcp")
    async with gate.open_at(ELSEWHERE) as url, gate.answering(connection, Clips(FILM)) as answerer:

        def move(verified_bytes: int) -> None:
            if verified_bytes >= 5 * BLOCK_BYTES and not moved:
                moved.append(verified_bytes)
                gate.shut()
                gate.door.url = url if is_told else None
                for session in answerer._sessions.values():
                    session.cancel()

        clip = await puller.pull(AGENT_ID, CLIP_ID, len(FILM), hashlib.sha256(FILM).hexdigest(), move)
        await is_idle(answerer)
    assert moved
    assert clip.roads == ("tcp", road)
    assert archive.path(clip.sha256).read_bytes() == FILM


async def test_what_another_key_signed_is_refused(connection: Client, archive: Archive, gate: Gate) -> None:
    async def other_key(_agent_id: str) -> PublicKey:
        return PublicKey(new_key().public_key)

    puller = gate.puller(connection, archive, IMPATIENT)
    puller._key_of = other_key
    async with gate.answering(connection, Clips()):
        with pytest.raises(SignatureError, match="not signed by agent gate"):
            await pull(puller)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A clip as the agent keeps it: ten seconds, a keyframe in each."""
    path = make_film(tmp_path_factory.mktemp("film") / "film.mp4", walk(1, 3), seconds=10)
    return b"".join(remux(*packets_of(path)).segments)


@pytest.mark.parametrize("road", ["tcp", "channel"])
async def test_keyframes_come_first_and_the_whole_reuses_them(
    connection: Client, archive: Archive, gate: Gate, film: bytes, road: Road
) -> None:
    promise = Promise(AGENT_ID, CLIP_ID, len(film), hashlib.sha256(film).hexdigest())
    taken: list[str] = []
    progress: list[tuple[int, int]] = []
    puller = gate.puller(connection, archive, road=road)
    async with gate.answering(connection, Clips(film), on_taken=taken.append) as answerer:
        thumbnail = await puller.sample(promise, "thumbnail")
        keyframes = await puller.sample(promise, "keyframes", lambda here, wanted: progress.append((here, wanted)))
        await is_idle(answerer)
        assert taken == [], "the agent must not think that its clip is safe at the hub"
        whole = await pull(puller, film)
        await is_idle(answerer)
        assert taken == [CLIP_ID]
    assert (whole.roads, archive.path(promise.sha256).read_bytes()) == ((road,), film)
    assert thumbnail.received_bytes + keyframes.received_bytes + whole.received_bytes == len(film)
    assert progress[-1][0] == progress[-1][1] < len(film)
    with av.open(io.BytesIO(strip(thumbnail.init, [data for _head, data in thumbnail.heads])), "r") as container:
        assert len(list(container.decode(video=0))) == 1
    with av.open(io.BytesIO(strip(keyframes.init, [data for _head, data in keyframes.heads])), "r") as container:
        assert len(list(container.decode(video=0))) == len(keyframes.heads) == 10


@pytest.fixture
def key(gate: Gate) -> AgentKey:
    return gate.key


def answered() -> asyncio.Task[str]:
    """What the agent said over signaling."""

    async def answer() -> str:
        return ""

    return asyncio.create_task(answer())


async def post(gate: Gate, session_id: str, authorization: str) -> int:
    """The status that whoever comes is answered with; a session that opens is left at once."""
    url = f"{gate.url}{PATH}{session_id}"
    async with (
        httpx.AsyncClient(verify=False) as client,
        client.stream("POST", url, headers={"authorization": authorization}, content=b"") as response,
    ):
        return response.status_code


def authorized(key: AgentKey, session_id: str, secret: str) -> str:
    return f"{SCHEME} {key.sign(proof(AGENT_ID, session_id, secret))}"


async def test_the_door_opens_once_for_the_agent_that_is_awaited_and_for_nobody_else(gate: Gate, key: AgentKey) -> None:
    async with gate.door.awaiting(SESSION_ID, AGENT_ID, PublicKey(key.public_key)) as awaited:
        right = authorized(key, SESSION_ID, awaited.secret)
        assert await post(gate, SESSION_ID, "") == 403
        assert await post(gate, SESSION_ID, f"Basic {right}") == 403
        assert await post(gate, SESSION_ID, authorized(key, SESSION_ID, "f" * 64)) == 403
        assert await post(gate, "b" * 22, right) == 403
        entering = asyncio.create_task(post(gate, SESSION_ID, right))
        await awaited.peer.opened(60, answered())
        assert await post(gate, SESSION_ID, right) == 403
    assert await entering == 200
    assert await post(gate, SESSION_ID, right) == 403


async def test_an_agent_that_never_comes_is_waited_for_no_longer_than_said(gate: Gate, key: AgentKey) -> None:
    async with gate.door.awaiting(SESSION_ID, AGENT_ID, PublicKey(key.public_key)) as awaited:
        with pytest.raises(TransferError, match=r"did not come in 0.05 s"):
            await awaited.peer.opened(0.05, answered())


async def test_a_refusal_is_heard_while_the_agent_is_waited_for(gate: Gate, key: AgentKey) -> None:
    async def refused() -> str:
        raise TransferError("no such clip")

    async with gate.door.awaiting(SESSION_ID, AGENT_ID, PublicKey(key.public_key)) as awaited:
        with pytest.raises(TransferError, match="no such clip"):
            await awaited.peer.opened(60, asyncio.create_task(refused()))


async def test_an_agent_that_came_is_not_kept_waiting_for_its_answer(gate: Gate, key: AgentKey) -> None:
    answer = asyncio.create_task(asyncio.Event().wait())
    async with gate.door.awaiting(SESSION_ID, AGENT_ID, PublicKey(key.public_key)) as awaited:
        entering = asyncio.create_task(post(gate, SESSION_ID, authorized(key, SESSION_ID, awaited.secret)))
        await awaited.peer.opened(60, answer)
        assert not answer.done()
        answer.cancel()
    assert await entering == 200


async def test_only_the_asked_for_road_is_taken_where_it_is_set(
    connection: Client, archive: Archive, gate: Gate
) -> None:
    async with gate.answering(connection, Clips()):
        assert (await pull(gate.puller(connection, archive, road="channel"))).roads == ("channel",)
    assert archive.intact(SHA256)
