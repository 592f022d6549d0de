"""The agent answers offers it understands, as many as it may, and lets go of sessions that hold still."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from nats.aio.client import Client
from structlog.testing import capture_logs

from tests.hub.video.agents import AGENT_ID, CLIP, CLIP_ID, Clips, answering, is_idle
from vigie_agent.video.answerer import Answerer, AnswererSettings
from vigie_hub.video.pull.peer import OfferingPeer
from vigie_shared import subjects
from vigie_shared.commands import Refused
from vigie_shared.errors import LinkError, StoreError, TransferError
from vigie_shared.signaling import OFFER_REPLY, Answer, ClipWanted, Offer
from vigie_shared.transfer import (
    CHANNEL,
    GETS_MAX,
    HOLDER_MESSAGE,
    Done,
    Get,
    Manifest,
    ManifestWanted,
    TransferRefused,
    unpack_frame,
)

SESSION_ID = "a" * 22
OTHER_SESSION_ID = "b" * 22


async def ask(connection: Client, data: bytes, session_id: str = SESSION_ID) -> Answer | Refused:
    reply = await connection.request(subjects.signaling(AGENT_ID, session_id), data, timeout=5)
    return OFFER_REPLY.validate_json(reply.data)


async def offer(
    connection: Client, peer: OfferingPeer, session_id: str = SESSION_ID, clip_id: str = CLIP_ID
) -> Answer | Refused:
    wanted = Offer(session_id=session_id, sdp=await peer.offer(), wanted=ClipWanted(clip_id=clip_id))
    return await ask(connection, wanted.model_dump_json().encode(), session_id)


async def said_by(peer: OfferingPeer) -> object:
    """The agent's next word."""
    (message,) = await peer.receive(seconds=30)
    return HOLDER_MESSAGE.validate_json(message)


async def open_session(connection: Client, peer: OfferingPeer, session_id: str = SESSION_ID) -> None:
    answer = await offer(connection, peer, session_id)
    assert isinstance(answer, Answer)
    await peer.accept(answer.sdp, seconds=5)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "does not understand"),
        (b'{"session_id": "../../x", "sdp": "", "wanted": {"want": "clip"}}', "does not understand"),
        (b'{"session_id": "%s", "sdp": "x", "wanted": {"want": "live"}}' % SESSION_ID.encode(), "does not understand"),
        (
            Offer(session_id=SESSION_ID, sdp="v=0", wanted=ClipWanted(clip_id=CLIP_ID)).model_dump_json().encode(),
            "no data channel",
        ),
        (
            Offer(session_id=SESSION_ID, sdp="v=1\r\nm=", wanted=ClipWanted(clip_id=CLIP_ID))
            .model_dump_json()
            .encode(),
            "no session description",
        ),
        (
            Offer(session_id=OTHER_SESSION_ID, sdp="", wanted=ClipWanted(clip_id=CLIP_ID)).model_dump_json().encode(),
            "another session",
        ),
        (
            Offer(session_id=SESSION_ID, sdp="", wanted=ClipWanted(clip_id="e" * 22)).model_dump_json().encode(),
            "no clip eeee",
        ),
    ],
    ids=["empty", "path as session", "unknown kind", "no media", "no SDP", "other session", "unknown clip"],
)
async def test_what_cannot_be_served_is_refused_for_good(connection: Client, data: bytes, reason: str) -> None:
    async with answering(connection, Clips()) as answerer:
        reply = await ask(connection, data)
        await is_idle(answerer)
    assert isinstance(reply, Refused)
    assert reason in reply.reason
    assert not reply.retryable


async def test_an_answer_names_no_public_server_and_carries_its_candidates(connection: Client) -> None:
    async with answering(connection, Clips()), OfferingPeer(CHANNEL) as peer:
        answer = await offer(connection, peer)
        assert isinstance(answer, Answer)
        assert "typ host" in answer.sdp
        assert "srflx" not in answer.sdp


async def test_one_session_too_many_is_told_to_come_back(connection: Client) -> None:
    settings = AnswererSettings(sessions_max=1)
    async with answering(connection, Clips(), settings) as answerer:
        async with OfferingPeer(CHANNEL) as first, OfferingPeer(CHANNEL) as second:
            await open_session(connection, first)
            reply = await offer(connection, second, OTHER_SESSION_ID)
            assert reply == Refused(reason="1 video sessions are open; try again later", retryable=True)
        await is_idle(answerer)
        async with OfferingPeer(CHANNEL) as third:
            await open_session(connection, third, OTHER_SESSION_ID)


async def test_an_offer_that_is_repeated_opens_one_session_and_has_one_answer(connection: Client) -> None:
    async with (
        answering(connection, Clips()) as answerer,
        OfferingPeer(CHANNEL) as first,
        OfferingPeer(CHANNEL) as other,
    ):
        await open_session(connection, first)
        repeated = asyncio.create_task(offer(connection, first))
        assert isinstance(await offer(connection, other, OTHER_SESSION_ID), Answer)  # it was behind the repeated one
        assert not repeated.done()
        assert answerer.session_count == 2
        repeated.cancel()
        await asyncio.wait([repeated])


@pytest.mark.parametrize("opened", [False, True], ids=["never opened", "open and silent"])
async def test_a_session_that_holds_still_is_closed(connection: Client, opened: bool) -> None:
    settings = AnswererSettings(lease_seconds=0.5)
    async with answering(connection, Clips(), settings) as answerer, OfferingPeer(CHANNEL) as peer:
        if opened:
            await open_session(connection, peer)
        else:
            await offer(connection, peer)
        assert answerer.session_count == 1
        await is_idle(answerer)
        with pytest.raises(TransferError, match="closed the connection" if opened else "nothing came"):
            await peer.receive(seconds=1)


async def test_a_puller_that_goes_away_is_no_fault_of_the_agent(connection: Client) -> None:
    with capture_logs() as said:
        async with answering(connection, Clips()) as answerer:
            async with OfferingPeer(CHANNEL) as peer:
                await open_session(connection, peer)
                peer.send(ManifestWanted().model_dump_json())
                await peer.receive(seconds=5)
            await is_idle(answerer)
    assert [line["event"] for line in said if line["event"] in ("session_broken_off", "session_failed")] == [
        "session_broken_off"
    ]


async def test_a_range_is_served_as_asked(connection: Client) -> None:
    async with answering(connection, Clips()) as answerer, OfferingPeer(CHANNEL) as peer:
        await open_session(connection, peer)
        peer.send(ManifestWanted().model_dump_json())
        assert isinstance(await said_by(peer), Manifest)
        peer.send(Get(offset=100, length=40_000).model_dump_json())
        received = b""
        while len(received) < 40_000:
            for message in await peer.receive(seconds=30):
                assert isinstance(message, bytes)
                offset, data = unpack_frame(message)
                assert offset == 100 + len(received)
                received += data
        assert received == CLIP[100:40_100]
        peer.send(Done().model_dump_json())
        await is_idle(answerer)


@pytest.mark.parametrize("message", ["nonsense", Get(offset=len(CLIP), length=1).model_dump_json()])
async def test_a_puller_that_asks_the_impossible_is_told_and_let_go(connection: Client, message: str) -> None:
    async with answering(connection, Clips()) as answerer:
        async with OfferingPeer(CHANNEL) as peer:
            await open_session(connection, peer)
            peer.send(message)
            assert isinstance(await said_by(peer), TransferRefused)
        await is_idle(answerer)


class Waiting(Clips):
    """A disk that hangs until let go, or until it fails."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()

    def read(self, clip_id: str, offset: int, length: int) -> Iterator[bytes]:
        self.let_go.wait(30)
        raise StoreError("disk I/O error")


async def arrived(peer: OfferingPeer) -> None:
    """Return when the agent has acknowledged everything that was sent."""
    sctp = peer._connection.sctp
    assert sctp is not None
    async with asyncio.timeout(5):
        while sctp._data_channel_queue or sctp._outbound_queue or sctp._sent_queue:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_puller_that_asks_without_end_is_cut_off(connection: Client) -> None:
    clips = Waiting()
    async with answering(connection, clips) as answerer, OfferingPeer(CHANNEL) as peer:
        await open_session(connection, peer)
        for _number in range(GETS_MAX + 2):
            peer.send(Get(offset=0, length=1).model_dump_json())
        try:
            await arrived(peer)
        finally:
            clips.let_go.set()
        with pytest.raises(TransferError, match="closed the connection"):
            await peer.receive(seconds=5)
        await is_idle(answerer)


async def test_a_disk_that_fails_is_told_to_the_puller(connection: Client) -> None:
    clips = Waiting()
    clips.let_go.set()
    async with answering(connection, clips), OfferingPeer(CHANNEL) as peer:
        await open_session(connection, peer)
        peer.send(Get(offset=0, length=1).model_dump_json())
        refusal = await said_by(peer)
    assert refusal == TransferRefused(reason="disk I/O error")


async def test_a_fault_in_the_store_is_answered_and_the_service_goes_on(connection: Client) -> None:
    class Faulty(Clips):
        def manifest(self, clip_id: str) -> Manifest | None:
            raise ValueError("too many blocks")

    async with answering(connection, Faulty()) as answerer, OfferingPeer(CHANNEL) as peer:
        for _number in range(2):
            reply = await offer(connection, peer)
            assert reply == Refused(reason="a fault in the agent; its log says more")
            await is_idle(answerer)


async def test_an_agent_that_stops_closes_its_sessions(connection: Client) -> None:
    async with OfferingPeer(CHANNEL) as peer:
        async with answering(connection, Clips()):
            await open_session(connection, peer)
        with pytest.raises(TransferError, match="closed the connection"):
            await peer.receive(seconds=5)


async def test_a_connection_closed_for_good_ends_the_service(connection: Client) -> None:
    answerer = Answerer(connection, AGENT_ID, Clips())
    async with asyncio.TaskGroup() as group:
        running = group.create_task(ends(answerer))
        await answerer.ready.wait()
        await connection.close()
        await running


async def ends(answerer: Answerer) -> None:
    async with asyncio.timeout(5):
        with pytest.raises(LinkError):
            await answerer.run()
