"""Over a real connection: a clip of the store plays and is steered; what is shown is said before it comes."""

import asyncio
from itertools import pairwise
from pathlib import Path

import av
import pytest
from nats.aio.client import Client

from tests.agent.capture.films import packets_of
from tests.agent.store.samples import filmed, open_store, settle
from tests.hub.video.agents import AGENT_ID, Clips
from tests.hub.video.detour import Detour, without_candidates
from tests.hub.video.live_agents import TestViewer
from tests.links.line import Conditions
from tests.media.films import Luma, make_film, noisy, street, walk
from vigie_agent.camera import FinishedClip
from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.video.answerer import Answerer
from vigie_agent.video.ladder.transcoding import Transcoders
from vigie_agent.video.media.desk import MediaDesk
from vigie_agent.video.media.light import Light
from vigie_agent.video.playback.footage import StoredFootage
from vigie_agent.video.sources import MediaSources
from vigie_shared import subjects
from vigie_shared.clock import SystemClock
from vigie_shared.media import CameraClock, Ended, MediaMessage, MediaRefused, Pause, Play, Seek, Showing, Step
from vigie_shared.signaling import OFFER_REPLY, Answer, MediaWanted, Offer

SESSION_ID = "a" * 22


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> FinishedClip:
    film = make_film(tmp_path_factory.mktemp("film") / "film.mp4", walk(0, 4), seconds=4, frames_per_second=20)
    return filmed(*packets_of(film))


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> FinishedClip:
    """Takes several times what a narrow link carries."""

    def grainy(at_seconds: float) -> Luma:
        return noisy(street(), 20.0, round(at_seconds * 1000) + 1)

    film = tmp_path_factory.mktemp("film") / "film.mp4"
    return filmed(*packets_of(make_film(film, grainy, seconds=30, frames_per_second=20)))


@pytest.fixture
def hevc(tmp_path: Path) -> FinishedClip:
    film = make_film(tmp_path / "film.mp4", walk(0, 2), seconds=2, codec="libx265", frames_per_second=20)
    return filmed(*packets_of(film))


class Played:
    """A viewer of a clip, connected to an agent that has it."""

    def __init__(self, connection: Client, clip: FinishedClip, folder: Path) -> None:
        self.connection, self.clip, self.folder = connection, clip, folder
        self.viewer = TestViewer()

    async def __aenter__(self) -> "Played":
        self.store = await asyncio.to_thread(open_store, self.folder / "store")
        self.store.keep_clip(self.clip)
        await asyncio.to_thread(settle, self.store)
        self.transcoders = Transcoders(1)
        sources = MediaSources([], lambda: StoredFootage(self.store), self.transcoders)
        desk = MediaDesk(sources.open, LinkBudget.unlimited(), Light(SystemClock()))
        answerer = Answerer(self.connection, AGENT_ID, Clips(), media=desk)
        self.serving = asyncio.create_task(answerer.run())
        await answerer.ready.wait()
        return self

    async def play(self, first: Play, way: Detour | None = None) -> None:
        """`way`: the only one to the agent."""
        wanted = MediaWanted(first=first)
        sdp = await self.viewer.offer()
        offer = Offer(session_id=SESSION_ID, sdp=sdp if way is None else without_candidates(sdp), wanted=wanted)
        subject = subjects.signaling(AGENT_ID, SESSION_ID)
        reply = await self.connection.request(subject, offer.model_dump_json().encode(), timeout=10)
        answer = OFFER_REPLY.validate_json(reply.data)
        assert isinstance(answer, Answer)
        await self.viewer.accept(answer.sdp if way is None else way.around(answer.sdp))

    def decoded(self) -> list[av.VideoFrame]:
        context = av.CodecContext.create("h264", "r")
        pictures = [one for frame in list(self.viewer.frames) for one in context.decode(av.Packet(frame.data))]
        return pictures + list(context.decode(None))

    async def __aexit__(self, *_error: object) -> None:
        await self.viewer.connection.close()
        self.serving.cancel()
        await asyncio.wait([self.serving])
        await asyncio.to_thread(self.transcoders.close)
        await asyncio.to_thread(self.store.close)


async def test_a_clip_plays_from_where_it_lies_and_is_steered(
    connection: Client, clip: FinishedClip, tmp_path: Path
) -> None:
    async with Played(connection, clip, tmp_path) as played:
        viewer = played.viewer
        await played.play(Play(clip_id=clip.clip_id, at_seconds=1.32))
        await viewer.has_frames(9)
        shown = await viewer.has_heard(Showing)
        assert isinstance(shown, Showing)
        assert (shown.rung, shown.reason, shown.clip_id) == ("clip", "asked", clip.clip_id)
        clock = await viewer.has_heard(CameraClock)
        assert isinstance(clock, CameraClock)
        assert clock.at_seconds == pytest.approx(1.0, abs=0.01), "the keyframe before what was asked for"
        assert abs((clock.at - clip.at).total_seconds() - 1.0) < 0.01, "the camera's time"
        assert viewer.frames[0].is_keyframe
        viewer.say(Pause())
        viewer.say(Seek(at_seconds=3.0))
        while not viewer.frames[-1].is_keyframe or len(viewer.frames) < 10:
            await viewer.has_frames(len(viewer.frames) + 1)
        count = len(viewer.frames)
        viewer.say(Step(frames=1))
        await viewer.has_frames(count + 1)
        assert len(played.decoded()) == count + 1
        stamps = [frame.timestamp for frame in viewer.frames]
        assert all(0 < (after - before) % (1 << 32) < 1 << 31 for before, after in pairwise(stamps))


async def test_the_end_is_said_and_the_clip_may_be_played_again(
    connection: Client, clip: FinishedClip, tmp_path: Path
) -> None:
    async with Played(connection, clip, tmp_path) as played:
        viewer = played.viewer
        await played.play(Play(clip_id=clip.clip_id, at_seconds=3.5))
        over = await viewer.has_heard(Ended, seconds=30)
        assert isinstance(over, Ended)
        assert over.reason == "over"
        await viewer.has_frames(20)
        assert over.rtp_timestamp == viewer.frames[-1].timestamp, "after the last picture"
        viewer.messages.clear()
        viewer.say(Seek(at_seconds=1.0))
        await viewer.has_frames(21, seconds=30)
        assert isinstance(await viewer.has_heard(Showing, seconds=30), Showing), "what is shown is said again"


async def test_a_narrow_link_gets_a_clip_made_small_and_is_told(
    connection: Client, rich: FinishedClip, tmp_path: Path
) -> None:
    with Detour(Conditions(rate_bits=300_000, delay_seconds=0.03, queue_bytes=40_000)) as way:
        async with Played(connection, rich, tmp_path) as played:
            viewer = played.viewer
            await played.play(Play(clip_id=rich.clip_id), way)
            while (small := fallen(viewer)) is None:
                await viewer.has_frames(len(viewer.frames) + 1, seconds=60)
            assert small.clip_id == rich.clip_id
            assert small.reason in ("rate", "loss", "delay")
            viewer.say(Pause())
            viewer.say(Seek(at_seconds=3.0))
            while (clock := await viewer.has_heard(CameraClock, seconds=60)) != sought(clock, 3.0):
                viewer.messages.remove(clock)


def sought(clock: MediaMessage, at_seconds: float) -> MediaMessage | None:
    """`clock` where it is of that time."""
    assert isinstance(clock, CameraClock)
    return clock if clock.at_seconds == pytest.approx(at_seconds, abs=0.01) else None


def fallen(viewer: TestViewer) -> Showing | None:
    """What is shown in place of the clip as it is."""
    said = [message for message in viewer.messages if isinstance(message, Showing)]
    return said[-1] if said and said[-1].rung != "clip" else None


async def test_h265_comes_as_h264_and_is_said(connection: Client, hevc: FinishedClip, tmp_path: Path) -> None:
    async with Played(connection, hevc, tmp_path) as played:
        await played.play(Play(clip_id=hevc.clip_id))
        await played.viewer.has_frames(3)
        shown = await played.viewer.has_heard(Showing)
        assert isinstance(shown, Showing)
        assert (shown.reason, shown.codec) == ("h265", "h264")
        assert len(played.decoded()) >= 3


async def test_a_clip_that_is_not_here_is_refused_with_one_line(
    connection: Client, clip: FinishedClip, tmp_path: Path
) -> None:
    async with Played(connection, clip, tmp_path) as played:
        await played.play(Play(clip_id="f" * 22))
        refused = await played.viewer.has_heard(MediaRefused)
        assert isinstance(refused, MediaRefused)
        assert "is not here" in refused.reason
