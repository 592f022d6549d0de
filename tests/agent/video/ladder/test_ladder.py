"""The ladder over simulated links: down within two seconds, no flapping, back up when the link is."""

from collections.abc import Mapping

import pytest

from tests.agent.video.simulated_link import STREAMS, Link, Run, Stream
from vigie_agent.video.ladder.ladder import Ladder, RungCost, useful
from vigie_agent.video.media.source import LinkFeedback
from vigie_shared.media import Rung

WITHOUT_SUB: Mapping[Rung, Stream] = {rung: one for rung, one in STREAMS.items() if rung != "sub"}


def steady(rate: float, **more: float) -> Link:
    return Link(lambda _now: rate, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("rate", "rung"), [(5e5, "low"), (3.6e5, "low"), (2e6, "sub"), (1.1e6, "sub"), (8e6, "main"), (5e7, "main")]
)
def test_within_two_seconds_it_shows_what_the_link_carries(rate: float, rung: Rung, seed: int) -> None:
    run = Run(steady(rate, lost=0.02, seed=seed), STREAMS).run(12)
    assert run.rung_at(2.0) == rung
    assert all(at <= 2.0 for at, _change in run.changes)


@pytest.mark.parametrize("seed", range(4))
def test_a_starved_link_shows_seven_pictures_a_second_without_a_gap(seed: int) -> None:
    run = Run(steady(5e5, lost=0.02, seed=seed), WITHOUT_SUB).run(300)
    assert run.changes[0][0] <= 2.0
    settled = 4.0
    shown = [at for at, _rung in run.arrived if at > settled]
    assert len(shown) / (run.now - settled) >= 7
    assert run.gap_seconds(settled, run.now) <= 1.0
    assert {change.rung for _at, change in run.changes} == {"low"}
    assert run.filler_bits <= 0.02 * 5e5 * run.now, "looking higher costs little"


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("waiting", [0, 12, 49])
def test_a_starved_link_shows_a_small_picture_within_a_second_and_a_half(waiting: int, seed: int) -> None:
    run = Run(steady(5e5, lost=0.02, seed=seed), WITHOUT_SUB, waiting).run(4)
    assert next(at for at, rung in run.arrived if rung == "low") <= 1.5


@pytest.mark.parametrize("rate", [3e5, 4e5, 5e5, 7e5, 8.5e5, 1e6, 1.5e6, 3e6, 4.2e6, 5e6])
def test_it_never_flaps_on_a_steady_link(rate: float) -> None:
    run = Run(steady(rate, lost=0.01), STREAMS).run(200)
    assert len(run.changes) <= 2
    assert all(at < 60 for at, _change in run.changes)


@pytest.mark.parametrize("rate", [8e5, 3.8e6, 4.1e6])
def test_nor_on_one_that_hides_in_a_deep_queue_that_it_lacks_a_tenth(rate: float) -> None:
    run = Run(steady(rate, lost=0.01, queue_bytes=200_000), STREAMS).run(100)
    assert len(run.changes) <= 2
    assert run.gap_seconds(4, run.now) <= 1.0


@pytest.mark.parametrize("streams", [STREAMS, WITHOUT_SUB], ids=["sub", "no sub"])
def test_it_climbs_back_once_the_link_does(streams: Mapping[Rung, Stream]) -> None:
    run = Run(Link(lambda now: 5e5 if 20 <= now < 40 else 2e7), streams).run(20)
    assert run.changes == []
    run.run(20)
    assert run.rung_at(22.0) == "low"
    run.run(60)
    assert run.ladder.rung == "main"
    recovered = next(at for at, change in run.changes if change.rung == "main")
    assert 49 <= recovered <= 75
    assert run.gap_seconds(24, 40) <= 1.0
    assert run.gap_seconds(41, run.now) <= 1.0, "climbing shows"


def test_it_follows_a_link_that_comes_and_goes_and_waits_longer_each_time() -> None:
    run = Run(Link(lambda now: 2e7 if now % 40 < 25 else 5e5), STREAMS).run(600)
    climbs = [at for at, change in run.changes if change.reason == "recovered"]
    assert len(run.changes) <= 45
    assert climbs


@pytest.mark.parametrize("seed", range(3))
def test_a_link_that_loses_much_is_no_reason_for_less_than_it_carries(seed: int) -> None:
    run = Run(steady(2e7, lost=0.05, seed=seed), STREAMS).run(120)
    assert run.changes == []


def test_too_slow_for_any_video_leaves_stills() -> None:
    run = Run(steady(9e4), STREAMS).run(20)
    assert run.ladder.rung == "stills"
    assert run.rung_at(6.0) == "stills"


def feedback(now: float, **more: float | None) -> LinkFeedback:
    given: dict[str, float | None] = {
        "estimate_bits_per_second": None,
        "fraction_lost": None,
        "round_trip_seconds": None,
        "queued_seconds": 0.0,
    } | more
    return LinkFeedback(now_seconds=now, **given)  # type: ignore[arg-type]


COSTS = [RungCost(rung, one.bits_per_second) for rung, one in STREAMS.items()]


def test_it_says_why() -> None:
    for more, reason in (
        ({"queued_seconds": 2.0}, "rate"),
        ({"fraction_lost": 0.5}, "loss"),
        ({"round_trip_seconds": 2.0}, "delay"),
    ):
        ladder = Ladder(COSTS, 0.0)
        ladder.feed(feedback(1.0, round_trip_seconds=0.05), COSTS)
        changes = [ladder.feed(feedback(4 + step / 4, **more), COSTS) for step in range(12)]
        assert next(change.reason for change in changes if change) == reason


def test_a_rung_that_is_gone_is_left_and_an_upper_bound_kept() -> None:
    ladder = Ladder(COSTS, 0.0)
    change = ladder.feed(feedback(1.0), [one for one in COSTS if one.rung not in ("main", "sub")])
    assert change is not None
    assert change.rung == "low"
    capped = Ladder(COSTS, 0.0, cap_bits_per_second=1e6)
    changes = [capped.feed(feedback(1 + step / 4, queued_seconds=0.2), COSTS) for step in range(8)]
    assert [change.rung for change in changes if change] == ["sub"]
    assert all(capped.feed(feedback(3 + step), COSTS) is None for step in range(200))


def test_a_rung_that_shows_less_for_as_much_is_left_out() -> None:
    costs = [RungCost("main", 4e6), RungCost("sub", 2e5), RungCost("low", 2.6e5), RungCost("stills", 6e4)]
    assert [one.rung for one in useful(costs)] == ["main", "sub", "stills"]
