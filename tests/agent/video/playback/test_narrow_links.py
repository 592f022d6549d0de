"""Over a link that does not carry a clip: less of it, the same times, and back again."""

import asyncio

import numpy as np
import pytest

from tests.agent.capture.films import packets_of
from tests.agent.store.samples import filmed
from tests.agent.video.playback.test_playback import (
    RATE,
    Screen,
    another,
    bar,
    column_of,
    keep,
    playing,
    store,
    transcoders,
)
from tests.media.films import Luma, make_film, noisy
from vigie_agent.camera import FinishedClip
from vigie_agent.store import Store
from vigie_agent.video.ladder.transcoding import Transcoders
from vigie_agent.video.media.source import LinkFeedback, MediaFrame
from vigie_shared.media import Jump, Pause, Seek

__all__ = ["store", "transcoders"]


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> FinishedClip:
    """A clip that takes much more than a transcode; its column moves half as fast as others'."""

    def grainy(at_seconds: float) -> Luma:
        return noisy(bar(at_seconds / 2).astype(np.float32), 20.0, round(at_seconds * 1000) + 1)

    film = tmp_path_factory.mktemp("films") / "rich.mp4"
    return filmed(*packets_of(make_film(film, grainy, seconds=10, frames_per_second=RATE)))


def shown_seconds(screen: Screen) -> float:
    """The time that the newest picture shows."""
    return 2 * column_of(screen.pictures[-1])


def rung_of(screen: Screen) -> str:
    """What is shown."""
    return screen.source.showing.rung


class Narrow:
    """What a connection says of its link, at a time of its own."""

    def __init__(self) -> None:
        self.now_seconds = 1000.0

    async def until(self, screen: Screen, rung: str, bits: float, queued_seconds: float) -> MediaFrame:
        """Play on over such a link until that rung is shown; its first picture."""
        async with asyncio.timeout(60):
            while screen.source.showing.rung != rung:
                screen.source.adapt(LinkFeedback(self.now_seconds, bits, 0.0, 0.1, queued_seconds))
                self.now_seconds += 0.25
                (frame,) = await screen.take(1)
        return frame


async def test_over_a_link_that_does_not_carry_it_a_clip_is_made_small_and_comes_back(
    store: Store, transcoders: Transcoders, rich: FinishedClip
) -> None:
    clip = rich
    await keep(store, clip)
    link, screen = Narrow(), await playing(store, transcoders, clip)
    await screen.take(3)
    size = screen.source.showing.width_px
    link.now_seconds += 2
    screen.source.adapt(LinkFeedback(link.now_seconds - 2, 3e7, 0.0, 0.1, 0.0))
    first = await link.until(screen, "low", 3e5, 0.9)
    assert first.is_keyframe
    assert (screen.source.showing.reason, screen.source.showing.clip_id) == ("rate", clip.clip_id)
    assert screen.source.showing.width_px <= min(size, 640)
    await screen.take(2)
    assert shown_seconds(screen) == pytest.approx(screen.at_seconds, abs=0.06), "it goes on where it was"
    screen.source.steer(Pause())
    screen.source.steer(Seek(at_seconds=1.5))
    await screen.take_until(1.5)
    assert shown_seconds(screen) == pytest.approx(1.5, abs=0.06), "seeks are exact, and one picture leaves"
    screen.source.steer(Pause(paused=False))
    screen.source.steer(Seek(at_seconds=0.0))
    whole = await link.until(screen, "clip", 3e7, 0.0)
    assert whole.is_keyframe
    assert screen.source.showing.reason == "recovered"
    assert screen.source.showing.width_px == size
    await screen.take(2)
    assert shown_seconds(screen) == pytest.approx(screen.at_seconds, abs=0.06)
    await screen.close()


async def test_without_a_transcode_keyframes_remain_of_a_clip(
    store: Store, transcoders: Transcoders, rich: FinishedClip
) -> None:
    clip = rich
    await keep(store, clip)
    other = transcoders.open("h264", reorders=False)
    link, screen = Narrow(), await playing(store, transcoders, clip)
    await screen.take(2)
    screen.source.adapt(LinkFeedback(link.now_seconds - 2, 3e7, 0.0, 0.1, 0.0))
    await link.until(screen, "keyframes", 1e5, 0.9)
    assert all(frame.is_keyframe for frame in await screen.take(2))
    screen.source.steer(Pause())
    other.close()
    await screen.close()


async def test_another_clip_goes_on_as_small_or_by_keyframes_where_the_transcode_was_taken(
    store: Store, transcoders: Transcoders, rich: FinishedClip
) -> None:
    following = another(rich, 60)
    await keep(store, rich, following)
    link, screen = Narrow(), await playing(store, transcoders, rich)
    await screen.take(3)
    screen.source.adapt(LinkFeedback(link.now_seconds - 2, 3e7, 0.0, 0.1, 0.0))
    await link.until(screen, "low", 3e5, 0.9)
    screen.source.steer(Jump(to="next"))
    while screen.source.showing.clip_id != following.clip_id:
        (frame,) = await screen.take(1)
    assert frame.is_keyframe
    assert rung_of(screen) == "low"
    screen.source._close_transcode()
    other = transcoders.open("h264", reorders=False)
    screen.source.steer(Jump(to="previous"))
    while screen.source.showing.clip_id != rich.clip_id:
        (frame,) = await screen.take(1)
    assert frame.is_keyframe
    assert rung_of(screen) == "keyframes"
    await screen.close()
    other.close()
