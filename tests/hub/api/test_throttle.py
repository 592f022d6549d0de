from vigie_hub.api.throttle import DELAY_SECONDS_MAX, FORGET_SECONDS, Throttle


def test_first_attempts_are_free_then_each_doubles_the_wait() -> None:
    throttle, now, waits = Throttle(free_attempts=3), 0.0, []
    for _ in range(7):
        now += throttle.wait_seconds("amal", now)
        throttle.attempted("amal", now)
        waits.append(throttle.wait_seconds("amal", now))
    assert waits == [0, 0, 1, 2, 4, 8, 16]


def test_wait_has_a_limit() -> None:
    throttle = Throttle(free_attempts=0)
    for _ in range(5000):
        throttle.attempted("amal", 0)
    assert throttle.wait_seconds("amal", 0) == DELAY_SECONDS_MAX


def test_others_do_not_wait() -> None:
    throttle = Throttle(free_attempts=0)
    throttle.attempted("amal", 0)
    assert throttle.wait_seconds("badr", 0) == 0


def test_success_and_time_forgive() -> None:
    throttle = Throttle(free_attempts=1)
    throttle.attempted("amal", 0)
    throttle.succeeded("amal")
    assert throttle.wait_seconds("amal", 0) == 0
    for _ in range(4):
        throttle.attempted("badr", 0)
    throttle.attempted("badr", FORGET_SECONDS + 100)
    assert throttle.wait_seconds("badr", FORGET_SECONDS + 100) == 1


def test_flood_of_names_does_not_free_a_known_guesser() -> None:
    throttle = Throttle(free_attempts=1, entries_max=10)
    for _ in range(5):
        throttle.attempted("guesser", 0)
    for number in range(1000):
        throttle.attempted(number, 1)
    assert throttle.wait_seconds("guesser", 1) > 0
