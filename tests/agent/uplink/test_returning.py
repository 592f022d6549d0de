import random

from vigie_agent.uplink.returning import Returning


def test_span_doubles_up_to_its_bound_and_starts_small_after_success() -> None:
    returning = Returning(5.0, 30.0, chance=lambda: 1.0)
    assert [returning.next_seconds() for _try in range(5)] == [5, 10, 20, 30, 30]
    returning.reset()
    assert returning.next_seconds() == 5


def test_any_moment_of_the_span_is_as_good_as_another() -> None:
    assert Returning(5.0, 30.0, chance=lambda: 0.0).next_seconds() == 0.0


def test_fleet_that_lost_its_server_comes_back_spread_out_and_within_a_minute() -> None:
    """5,000 agents; the server is away for 10 s, then takes everyone."""
    chance = random.Random(7).random
    arrivals = []
    for _agent in range(5000):
        returning, now = Returning(5.0, 30.0, chance), 0.0
        while now < 10:
            now += returning.next_seconds()
        arrivals.append(now)
    busiest = max(sum(second <= at < second + 1 for at in arrivals) for second in range(10, 60))
    assert max(arrivals) < 60
    assert busiest < 1000
