from vigie_agent.capture.backoff import Backoff


def test_waits_double_up_to_the_cap_and_start_small_after_success() -> None:
    backoff = Backoff(1.0, 10.0, chance=lambda: 1.0)
    assert [backoff.next_seconds() for _ in range(6)] == [1, 2, 4, 8, 10, 10]
    backoff.reset()
    assert backoff.next_seconds() == 1


def test_jitter_takes_at_most_half() -> None:
    assert Backoff(4.0, 10.0, chance=lambda: 0.0).next_seconds() == 2.0


def test_days_without_a_camera_overflow_nothing() -> None:
    backoff = Backoff(1.0, 30.0)
    for _ in range(5000):
        assert backoff.next_seconds() <= 30.0
