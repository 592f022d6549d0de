import random

from vigie_agent.uplink.hold import Hold


def test_step_grows_with_the_time_that_has_passed_and_starts_small_after_success() -> None:
    hold = Hold(0.5, 30.0, chance=lambda: 1.0)
    assert [hold.next_seconds(now) for now in (100, 101, 110, 160, 3700)] == [0.5, 0.5, 1.5, 9.0, 30.0]
    hold.reset()
    assert hold.next_seconds(3800) == 0.5


def test_whoever_waits_is_late_by_a_share_of_what_it_waited_for() -> None:
    """However long nothing was taken."""
    chance = random.Random(3).random
    for outage_seconds in (0.1, 1, 5, 8, 60, 150):
        hold, now = Hold(0.5, 30.0, chance), 0.0
        while now < outage_seconds:
            now += hold.next_seconds(now)
        assert now <= outage_seconds + max(0.5, 0.15 * outage_seconds)


def test_an_hour_of_refusals_costs_few_tries() -> None:
    hold, now, tries = Hold(0.5, 30.0, chance=lambda: 0.5), 0.0, 0
    while now < 3600:
        now += hold.next_seconds(now)
        tries += 1
    assert tries < 200
