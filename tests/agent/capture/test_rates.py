import pytest

from tests.agent.capture.cameras import packet
from vigie_agent.capture.rates import StreamRates


def test_rates_are_those_of_the_last_seconds() -> None:
    rates = StreamRates()
    for index in range(100):
        rates.feed(packet(index * 0.5, size=10))
    for index in range(200):
        rates.feed(packet(50 + index * 0.1, size=1000))
    assert rates.frames_per_second == pytest.approx(10)
    assert rates.kbps == pytest.approx(80)


def test_nothing_is_claimed_before_two_packets_or_after_the_end() -> None:
    rates = StreamRates()
    assert (rates.frames_per_second, rates.kbps) == (0, 0)
    rates.feed(packet(0))
    assert (rates.frames_per_second, rates.kbps) == (0, 0)
    rates.feed(packet(0.1))
    rates.clear()
    assert (rates.frames_per_second, rates.kbps) == (0, 0)
