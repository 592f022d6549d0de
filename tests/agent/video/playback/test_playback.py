"""Clips play from where they lie: a real store, real pictures, any codec, whatever becomes of the clip meanwhile."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest

from tests.agent.capture.films import packets_of
from tests.agent.store.samples import START, damage_segment, filmed, open_store, settle
from tests.media.films import Luma, make_film, noisy, street
from vigie_agent.camera import FinishedClip
from vigie_agent.clips.begun import ClipBegun
from vigie_agent.store import Store, retention
from vigie_agent.store.reader import Reader
from vigie_agent.video.ladder.transcoding import Transcoders
from vigie_agent.video.media.source import MediaFrame
from vigie_agent.video.playback.footage import StoredFootage
from vigie_agent.video.playback.playable import PlayableClip
from vigie_agent.video.playback.playback import PlaybackSource
from vigie_shared.errors import CaptureError, StoreError
from vigie_shared.events import MotionStarted
from vigie_shared.ids import unique_id
from vigie_shared.media import Jump, Pause, Play, Rate, Seek, Step

RATE = 20
SECONDS = 4


def bar(at_seconds: float) -> Luma:
    """A still street with a bright column that tells the time: 40 px a second."""
    picture = street().copy()
    left = round(at_seconds * 40)
    picture[:, left : left + 8] = 255
    return noisy(picture, 1.0, round(at_seconds * 1000))


def column_of(picture: av.VideoFrame) -> float:
    """The time that a picture shows."""
    luma = picture.to_ndarray(format="gray")[:120].mean(axis=0)
    share = picture.width / 320
    return float((np.convolve(luma, np.ones(round(8 * share)), "valid").argmax()) / share / 40)


class Films(NamedTuple):
    plain: FinishedClip
    hevc: FinishedClip
    reordered: FinishedClip


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Films:
    folder = tmp_path_factory.mktemp("films")

    def finished(codec: str, b_frames: int) -> FinishedClip:
        path = folder / f"{codec}-{b_frames}.mp4"
        made = make_film(path, bar, seconds=SECONDS, codec=codec, b_frames=b_frames, frames_per_second=RATE)
        return filmed(*packets_of(made))

    return Films(finished("libx264", 0), finished("libx265", 0), finished("libx264", 2))


async def keep(store: Store, *clips: FinishedClip) -> None:
    for clip in clips:
        store.keep_clip(clip)
    await asyncio.to_thread(settle, store)


def another(clip: FinishedClip, seconds: float, motion_id: str | None = None) -> FinishedClip:
    """The same pictures as a clip of another time."""
    at = clip.at + timedelta(seconds=seconds)
    ended_at = clip.ended_at + timedelta(seconds=seconds)
    motion_id = motion_id or unique_id(at)
    return replace(clip, clip_id=unique_id(at), motion_id=motion_id, at=at, ended_at=ended_at)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path / "store")
    yield store
    store.close()


@pytest.fixture
def transcoders() -> Iterator[Transcoders]:
    transcoders = Transcoders(1)
    yield transcoders
    assert transcoders.open_count == 0, "each transcode is given back"
    transcoders.close()


class Screen:
    """Decodes what a source gives, as a viewer does."""

    def __init__(self, source: PlaybackSource) -> None:
        self.source = source
        self.frames: list[MediaFrame] = []
        self.pictures: list[av.VideoFrame] = []
        self._coming: AsyncIterator[MediaFrame] = source.frames()
        self._decoder = av.CodecContext.create("h264", "r")
        self._decoder.flags |= av.codec.context.Flags.low_delay

    @property
    def at_seconds(self) -> float:
        """How far into the clip the newest picture is."""
        at_seconds = self.frames[-1].at_seconds
        assert at_seconds is not None
        return at_seconds

    async def take(self, count: int) -> list[MediaFrame]:
        taken = []
        for _number in range(count):
            frame = await anext(self._coming)
            self.pictures += self._decoder.decode(av.Packet(frame.data))
            taken.append(frame)
            self.frames.append(frame)
        return taken

    async def take_until(self, at_seconds: float) -> MediaFrame:
        while True:
            (frame,) = await self.take(1)
            assert frame.at_seconds is not None
            if abs(frame.at_seconds - at_seconds) < 0.026:
                return frame

    async def close(self) -> None:
        await self._coming.aclose()  # type: ignore[attr-defined]


async def playing(
    store: Store, transcoders: Transcoders, clip: FinishedClip, at: float = 0.0, rate: float = 1.0
) -> Screen:
    play = Play(clip_id=clip.clip_id, at_seconds=at, rate=rate)
    return Screen(await PlaybackSource.open(StoredFootage(store), play, transcoders))


async def test_a_clip_plays_from_any_time_with_the_cameras_times(
    store: Store, transcoders: Transcoders, films: Films
) -> None:
    clip = films.plain
    await keep(store, clip)
    screen = await playing(store, transcoders, clip, at=2.32)
    burst = await screen.take(7)
    assert burst[0].is_keyframe
    assert [frame.at_seconds for frame in burst] == pytest.approx([2.0 + n / RATE for n in range(7)], abs=0.002)
    assert burst[-1].due_seconds - burst[0].due_seconds == pytest.approx(0.006)
    assert column_of(screen.pictures[-1]) == pytest.approx(2.3, abs=0.02)
    following = await screen.take(3)
    assert following[-1].due_seconds - burst[-1].due_seconds == pytest.approx(3 / RATE, abs=0.002)
    assert [frame.at for frame in following] == [
        clip.at + timedelta(seconds=frame.at_seconds or 0) for frame in following
    ]
    assert (screen.source.showing.rung, screen.source.showing.reason) == ("clip", "asked")
    assert screen.source.showing.clip_id == clip.clip_id
    await screen.close()


async def test_seek_step_and_pause_while_playing(store: Store, transcoders: Transcoders, films: Films) -> None:
    clip = films.plain
    await keep(store, clip)
    screen = await playing(store, transcoders, clip)
    await screen.take(3)
    screen.source.steer(Seek(at_seconds=3.11))
    await screen.take_until(3.1)
    assert column_of(screen.pictures[-1]) == pytest.approx(3.1, abs=0.02)
    screen.source.steer(Pause())
    for step in (Step(frames=1), Step(frames=1), Step(frames=-1), Step(frames=-1), Step(frames=-1)):
        before = column_of(screen.pictures[-1])
        screen.source.steer(step)
        await screen.take_until(before + step.frames / RATE)
        assert column_of(screen.pictures[-1]) == pytest.approx(before + step.frames / RATE, abs=0.02)
    shown = len(screen.frames)
    screen.source.steer(Rate(rate=8))
    screen.source.steer(Pause(paused=False))
    screen.source.steer(Seek(at_seconds=0))
    assert [frame.at_seconds for frame in await screen.take(4)] == pytest.approx([0, 1, 2, 3], abs=0.002)
    assert all(
        after.due_seconds >= before.due_seconds for before, after in zip(screen.frames, screen.frames[1:], strict=False)
    )
    assert len(screen.frames) == shown + 4
    await screen.close()


@pytest.mark.parametrize(("b_frames", "reason"), [(0, "h265"), (2, "b_frames")])
async def test_what_browsers_do_not_play_is_transcoded_and_said(
    store: Store, transcoders: Transcoders, films: Films, b_frames: int, reason: str
) -> None:
    clip = films.reordered if b_frames else films.hevc
    await keep(store, clip)
    screen = await playing(store, transcoders, clip, at=2.42)
    await screen.take(1)
    assert screen.source.showing.reason == reason
    assert screen.source.showing.codec == "h264"
    assert (screen.source.showing.width_px, screen.source.showing.height_px) == (320, 192)
    shown = screen.at_seconds
    assert shown == pytest.approx(2.4, abs=0.03)
    assert column_of(screen.pictures[-1]) == pytest.approx(shown - (0.05 * b_frames), abs=0.06)
    await screen.take(4)
    steps = np.diff([frame.due_seconds for frame in screen.frames[1:]])
    assert steps == pytest.approx([1 / 8] * 3, abs=0.06)
    screen.source.steer(Pause())
    for frames in (-1, -1, 1):
        screen.source.steer(Step.model_validate({"frames": frames}))
        before = screen.at_seconds
        (frame,) = await screen.take(1)
        assert frame.at_seconds == pytest.approx(before + frames / RATE, abs=0.002)
    await screen.close()


async def test_only_as_many_are_transcoded_as_may_be(store: Store, transcoders: Transcoders, films: Films) -> None:
    clip = films.hevc
    await keep(store, clip)
    first, second = await playing(store, transcoders, clip), await playing(store, transcoders, clip)
    await first.take(1)
    with pytest.raises(CaptureError, match="1 streams are made small already"):
        await second.take(1)
    await first.close()
    third = await playing(store, transcoders, clip)
    await third.take(1)
    await third.close()


class Counting(StoredFootage):
    """Tells what was read."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.read: list[int] = []

    def segment(self, clip_id: str, idx: int) -> bytes:
        self.read.append(idx)
        return super().segment(clip_id, idx)


async def test_nothing_is_read_that_is_not_shown(store: Store, transcoders: Transcoders, films: Films) -> None:
    clip = films.plain
    await keep(store, clip)
    footage = Counting(store)
    play = Play(clip_id=clip.clip_id, at_seconds=3.2)
    screen = Screen(await PlaybackSource.open(footage, play, transcoders))
    await screen.take(2)
    assert footage.read == [0, 4]
    await screen.close()


async def test_events_of_the_camera_are_next_to_each_other(
    store: Store, transcoders: Transcoders, films: Films
) -> None:
    first = films.plain
    motion = unique_id(first.at)
    long, rest = another(first, 60, motion), another(first, 64, motion)
    last, elsewhere = another(first, 120), replace(another(first, 90), camera_id="yard")
    event_at = last.at + timedelta(seconds=2)
    store.record(
        MotionStarted(at=event_at, camera_id="gate", motion_id=last.motion_id, score=3.0, region=(0, 0, 0.5, 0.5))
    )
    for clip in (last, rest, elsewhere, first, long):
        await keep(store, clip)
    screen = await playing(store, transcoders, first)
    await screen.take(1)

    async def jump(to: str) -> tuple[datetime, str]:
        screen.source.steer(Jump.model_validate({"to": to}))
        while True:
            (frame,) = await screen.take(1)
            if frame.is_keyframe:
                clip_id = screen.source.showing.clip_id
                assert clip_id is not None
                return frame.at, clip_id

    screen.source.steer(Pause())
    assert (await jump("next"))[1] == long.clip_id
    at, clip_id = await jump("next")
    assert clip_id == last.clip_id, "an event that goes on in another clip is one event"
    assert at == event_at - timedelta(seconds=1), "just before something moved"
    assert (await jump("previous"))[1] == long.clip_id
    await screen.close()


async def test_an_event_in_two_clips_plays_through_and_holds_at_its_end(
    store: Store, transcoders: Transcoders, films: Films
) -> None:
    first = films.plain
    rest = another(first, 4, first.motion_id)
    await keep(store, first, rest)
    screen = await playing(store, transcoders, first, at=3.0, rate=8.0)
    frames = await screen.take(5)
    assert [frame.at for frame in frames] == [first.at + timedelta(seconds=second) for second in range(3, 8)]
    over = asyncio.Event()
    screen.source.on_over = over.set
    ended = asyncio.ensure_future(screen.take(1))
    async with asyncio.timeout(30):
        await over.wait()
    screen.source.steer(Seek(at_seconds=1.0))
    assert (await ended)[0].at == rest.at + timedelta(seconds=1)
    await screen.close()


async def test_a_damaged_part_ends_it_with_one_line_where_it_lies(
    store: Store, transcoders: Transcoders, films: Films, tmp_path: Path
) -> None:
    clip = films.plain
    await keep(store, clip)
    await asyncio.to_thread(damage_segment, tmp_path / "store", clip.clip_id, 3)
    screen = await playing(store, transcoders, clip, at=1.8)
    with pytest.raises(StoreError, match="segment 3 is damaged") as error:
        await screen.take(100)
    assert "\n" not in str(error.value)
    assert len(screen.frames) == RATE, "what is sound was shown"
    await asyncio.to_thread(settle, store)
    parts = await asyncio.to_thread(store.ask, lambda reader: reader.segments(clip.clip_id))
    assert [part.idx for part in parts if part.damaged_at] == [3], "it is noted"


async def test_a_clip_that_goes_meanwhile_ends_with_one_line(
    store: Store, transcoders: Transcoders, films: Films
) -> None:
    clip = films.plain
    await keep(store, clip)
    screen = await playing(store, transcoders, clip, rate=2.0)
    await screen.take(2)
    store._writer.submit(lambda ledger: retention.remove(ledger, clip.clip_id, "overwritten", START))
    await asyncio.to_thread(settle, store)
    store._erase()
    await asyncio.to_thread(settle, store)
    with pytest.raises(StoreError, match="made way for others"):
        await screen.take(100)
    with pytest.raises(StoreError, match="is not here"):
        await playing(store, transcoders, clip)


async def test_a_clip_that_is_being_recorded_goes_on_as_it_grows(
    store: Store, transcoders: Transcoders, films: Films
) -> None:
    clip = films.plain
    begun = ClipBegun.model_validate(clip, from_attributes=True)
    for index in range(3):
        store.keep_segment(begun, index, clip.segments[index])
    await asyncio.to_thread(settle, store)
    screen = await playing(store, transcoders, clip, rate=8.0)
    assert [frame.at_seconds for frame in await screen.take(2)] == pytest.approx([0, 1])
    await keep(store, clip)
    assert [frame.at_seconds for frame in await screen.take(2)] == pytest.approx([2, 3])
    await screen.close()


def test_clips_of_the_first_schema_say_when_their_parts_begin(store: Store, films: Films) -> None:
    clip = films.plain
    store.keep_clip(clip)
    settle(store)
    store._writer.submit(lambda ledger: ledger.execute("UPDATE segments SET starts_ms = NULL")).result()
    playable: PlayableClip = StoredFootage(store).clip(clip.clip_id)
    assert [gop.starts_seconds for gop in playable.gops] == pytest.approx([0, 1, 2, 3], abs=0.001)
    assert playable.duration_seconds == pytest.approx(SECONDS, abs=0.002)


def test_the_bytes_that_play_are_those_that_were_promised(store: Store, films: Films) -> None:
    clip = films.plain
    store.keep_clip(clip)
    settle(store)
    footage = StoredFootage(store)
    parts = [footage.segment(clip.clip_id, index) for index in range(len(clip.segments))]

    def promised(reader: Reader) -> str:
        promise = reader.promise(clip.clip_id)
        assert promise is not None
        return promise[1]

    assert hashlib.sha256(b"".join(parts)).hexdigest() == store.ask(promised)
