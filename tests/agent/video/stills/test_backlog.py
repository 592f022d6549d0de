"""No more is kept for the next still than has to be decoded for it."""

from datetime import UTC, datetime, timedelta

import pytest

from vigie_agent.video.media.source import MediaFrame
from vigie_agent.video.stills import backlog
from vigie_agent.video.stills.backlog import Backlog

START = datetime(2026, 3, 1, tzinfo=UTC)


def frame(number: int, gop: int = 4) -> MediaFrame:
    return MediaFrame(bytes([number]) * 10, number % gop == 0, START + timedelta(seconds=0.5 * number), 0.5 * number)


def taken(kept: Backlog) -> list[int]:
    return [one.data[0] for one in kept.take()]


def test_all_since_the_newest_keyframe_is_taken_once() -> None:
    kept = Backlog()
    for number in range(1, 7):
        kept.feed(frame(number))
    assert kept.has_news
    assert taken(kept) == [4, 5, 6], "what came before the keyframe is of no use any more"
    assert not kept.has_news
    kept.feed(frame(7))
    assert taken(kept) == [7], "the decoder has what this builds on"
    assert kept.keyframe_seconds is None
    kept.feed(frame(8))
    assert kept.keyframe_seconds == 2.0


def test_where_keyframes_do_nothing_else_is_kept() -> None:
    kept = Backlog()
    kept.feed(frame(0))
    kept.feed(frame(1))
    kept.wants_all = False
    assert taken(kept) == [0]
    kept.feed(frame(2))
    assert not kept.has_news
    kept.wants_all = True
    kept.feed(frame(3))
    assert not kept.has_news, "what it builds on was not decoded"
    kept.feed(frame(4))
    kept.feed(frame(5))
    assert taken(kept) == [4, 5]


def test_pictures_that_nobody_takes_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "BYTES_MAX", 25)
    kept = Backlog()
    for number in range(20):
        kept.feed(frame(number, gop=100))
    assert taken(kept) == [0, 1, 2]
    kept.feed(frame(20, gop=100))
    assert not kept.has_news
