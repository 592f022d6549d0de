"""Transcodes run off the event loop, as many as may, and never two threads in one decoder."""

import asyncio
import threading
from datetime import UTC, datetime

import pytest

from vigie_agent.video.ladder.transcoder import Transcoder
from vigie_agent.video.ladder.transcoding import Transcoders
from vigie_agent.video.media.source import MediaFrame
from vigie_shared.errors import CaptureError


def test_as_many_are_open_as_may_be_and_each_is_given_back_once() -> None:
    transcoders = Transcoders(2)
    first, second = (transcoders.open("h264", reorders=False) for _number in range(2))
    assert not transcoders.has_room
    with pytest.raises(CaptureError, match="2 streams are made small already, as many as this box may"):
        transcoders.open("h264", reorders=False)
    first.close()
    first.close()
    assert transcoders.open_count == 1
    second.close()
    assert transcoders.has_room
    transcoders.close()


def test_a_box_that_may_transcode_nothing_says_so() -> None:
    transcoders = Transcoders(0)
    with pytest.raises(CaptureError, match="0 streams"):
        transcoders.open("h264", reorders=False)
    transcoders.close()


async def test_who_is_cancelled_waits_until_the_thread_has_left_the_decoder() -> None:
    transcoders = Transcoders(1)
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def step() -> list[MediaFrame]:
        begun.set()
        may_end.wait(10)
        ended.set()
        return []

    running = asyncio.ensure_future(transcoders.run(step))
    await asyncio.to_thread(begun.wait)
    running.cancel()
    await asyncio.sleep(0)
    assert not running.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended.is_set()
    await asyncio.to_thread(transcoders.close)


async def test_a_transcode_works_in_a_thread_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []

    def feed(*_arguments: object, **_more: object) -> list[MediaFrame]:
        names.append(threading.current_thread().name)
        return []

    monkeypatch.setattr(Transcoder, "feed", feed)
    transcoders = Transcoders(1)
    transcode = transcoders.open("h264", reorders=False)
    await transcode.feed(MediaFrame(b"", True, datetime(2026, 3, 1, tzinfo=UTC), 0.0))
    assert names
    assert names[0].startswith("transcode")
    transcode.close()
    await asyncio.to_thread(transcoders.close)
