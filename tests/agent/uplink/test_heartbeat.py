"""What is told, when, and what is not: an idle box whispers, one with news speaks up."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.shared.test_heartbeat_deltas import CAMERAS, LINK, beat
from vigie_agent.uplink.calm import calmed, is_news
from vigie_agent.uplink.heartbeat import WHOLE_SECONDS, HeartbeatPlan
from vigie_agent.uplink.wire_bytes import TCP_IP_BYTES, publish_bytes
from vigie_shared.heartbeat_deltas import DELTA, WHOLE, HeartbeatReader
from vigie_shared.heartbeats import Heartbeat

START = datetime(2026, 3, 1, 8, tzinfo=UTC)


def at(seconds: float, **changed: Any) -> Heartbeat:
    return beat(at=START + timedelta(seconds=seconds), **changed)


def trembling(hours: float) -> Iterator[Heartbeat]:
    """An idle box, looked at each 10 s: rates, disk and link move a little all the time."""
    for look in range(int(hours * 360)):
        cameras = tuple(
            camera.model_copy(update={"kbps": 900 + look % 90, "frames_per_second": 25 - look % 3 / 10})
            for camera in CAMERAS
        )
        link = LINK.model_copy(update={"queue": (), "sent_today_bytes": look * 40, "pace_kbps": 62.7 - look % 5})
        yield at(10.0 * look, cameras=cameras, disk_free_bytes=10**9 - look * 1000, link=link)


def test_an_idle_box_is_heard_each_minute_and_of_all_each_hour() -> None:
    plan = HeartbeatPlan()
    told = [(look, payload) for look, one in enumerate(trembling(3)) if (payload := plan.feed(one)) is not None]
    assert [look for look, _payload in told] == list(range(0, 3 * 360, 6))
    assert [look for look, payload in told if payload[:1] == WHOLE] == [0, 360, 720]
    assert all(len(payload) <= 16 for _look, payload in told if payload[:1] != WHOLE)


def test_a_month_of_idling_is_less_than_ten_megabytes() -> None:
    """Headers included, and the bare acknowledgement that each packet gets."""
    plan = HeartbeatPlan()
    payloads = [payload for one in trembling(24) if (payload := plan.feed(one)) is not None]
    day = sum(publish_bytes("p.rabat-crossing-1", len(payload)) + TCP_IP_BYTES for payload in payloads)
    assert day * 30 < 10_000_000 * 0.9


def test_news_do_not_wait() -> None:
    plan = HeartbeatPlan()
    plan.feed(at(0))
    assert plan.feed(at(10)) is None
    lost = (CAMERAS[0].model_copy(update={"state": "lost"}), *CAMERAS[1:])
    payload = plan.feed(at(20, cameras=lost))
    assert payload is not None
    assert payload[:1] == DELTA
    assert plan.feed(at(30, cameras=lost)) is None
    assert plan.feed(at(40, cameras=lost, store_fault="disk full")) is not None
    assert plan.feed(at(100, cameras=lost, store_fault="disk full")) is not None


def test_what_the_hub_reads_is_what_the_box_means_but_for_trembling() -> None:
    plan, reader = HeartbeatPlan(), HeartbeatReader()
    first = at(0)
    reader.feed("gate", plan.feed(first) or b"")
    later = at(60, newest={"mot": 9}, disk_free_bytes=10**9 - 5, link=LINK)
    heard = reader.feed("gate", plan.feed(later) or b"")
    assert heard == later.model_copy(update={"disk_free_bytes": 10**9})


def test_what_may_not_have_arrived_is_said_again_whole() -> None:
    plan = HeartbeatPlan()
    plan.feed(at(0))
    plan.unsaid()
    assert (plan.feed(at(1)) or b"")[:1] == WHOLE
    assert (plan.feed(at(2 + WHOLE_SECONDS)) or b"")[:1] == WHOLE


def test_a_clock_that_goes_back_is_no_reason_to_fall_silent() -> None:
    plan = HeartbeatPlan()
    plan.feed(at(0))
    assert plan.feed(at(-5_000)) is not None


def test_a_disk_that_cannot_be_asked_is_news_and_a_fuller_one_is_told() -> None:
    assert is_news(at(1, disk_free_bytes=None), at(0))
    assert calmed(at(1, disk_free_bytes=9 * 10**8), at(0)).disk_free_bytes == 9 * 10**8
    assert calmed(at(1, link=LINK), at(0, link=LINK.model_copy(update={"queue": ()}))).link == LINK
