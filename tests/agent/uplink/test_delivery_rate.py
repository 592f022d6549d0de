"""The measured rate: of simulated links with a queue, a delay and a rate that changes."""

from dataclasses import dataclass, field

import pytest

from vigie_agent.uplink.delivery_rate import DeliveryRate, Sent


@dataclass
class Link:
    """Sends in order at `rate`, after which everything takes `delay` more."""

    rate: float
    delay: float = 0.05
    free_at: float = 0.0
    arrivals: list[tuple[float, Sent]] = field(default_factory=list)

    def carry(self, sent: Sent, now: float) -> None:
        self.free_at = max(self.free_at, now) + sent.size / self.rate
        self.arrivals.append((self.free_at + self.delay, sent))

    def arrived(self, delivery: DeliveryRate, now: float) -> None:
        while self.arrivals and self.arrivals[0][0] <= now:
            at, sent = self.arrivals.pop(0)
            delivery.land(sent, at)


def push(delivery: DeliveryRate, link: Link, start: float, seconds: float, pace: float, size: int = 1_400) -> float:
    """Send without pause at `pace`, times the gain."""
    now = start
    while now < start + seconds:
        link.arrived(delivery, now)
        link.carry(delivery.send(size, now), now)
        now += size / pace
    return now


@pytest.mark.parametrize("rate", [8_000.0, 32_000.0, 625_000.0])
def test_a_busy_link_is_measured_to_within_a_tenth(rate: float) -> None:
    delivery, link = DeliveryRate(), Link(rate)
    push(delivery, link, 0.0, 15, rate * 1.2)
    assert delivery.bytes_per_second == pytest.approx(rate, rel=0.1)


def test_a_sender_with_little_to_say_does_not_make_the_link_slow() -> None:
    delivery, link = DeliveryRate(), Link(100_000)
    now = push(delivery, link, 0.0, 5, 120_000)
    for _pause in range(20):
        now += 1.0
        link.arrived(delivery, now)
        delivery.run_dry()
        link.carry(delivery.send(200, now), now)
    assert delivery.bytes_per_second == pytest.approx(100_000, rel=0.1)


def test_a_link_that_became_slower_is_known_for_slower() -> None:
    delivery, link = DeliveryRate(), Link(100_000)
    now = push(delivery, link, 0.0, 5, 100_000)
    link.rate = 10_000
    now = push(delivery, link, now, 5, 12_000)
    assert delivery.recent_bytes_per_second(now) == pytest.approx(10_000, rel=0.2)
    push(delivery, link, now, 8, 12_000)
    assert delivery.bytes_per_second == pytest.approx(10_000, rel=0.2)


def test_a_queue_on_the_way_asks_for_less() -> None:
    delivery, link = DeliveryRate(), Link(10_000)
    now = push(delivery, link, 0.0, 3, 10_000)
    assert not delivery.is_queueing
    now = push(delivery, link, now, 4, 20_000)
    link.arrived(delivery, now)
    assert delivery.is_queueing
    assert delivery.gain(now) < 1
    assert delivery.round_trip_seconds == pytest.approx(0.05 + 0.14, rel=0.1)


def test_a_start_goes_fast_until_it_brings_no_more() -> None:
    delivery, link = DeliveryRate(), Link(80_000, delay=0.1)
    assert delivery.gain(0.0) == 2
    push(delivery, link, 0.0, 8, 90_000)
    assert not delivery.is_starting
    link.rate = 400_000
    push(delivery, link, link.free_at, 3, 400_000)
    assert delivery.bytes_per_second == pytest.approx(400_000, rel=0.1)


def test_what_is_lost_is_no_longer_on_its_way() -> None:
    delivery = DeliveryRate()
    first, second = delivery.send(100, 0.0), delivery.send(200, 0.0)
    delivery.lose(first)
    delivery.lose(first)
    delivery.land(first, 1.0)
    assert delivery.in_flight_bytes == 200
    delivery.land(second, 1.0)
    delivery.land(second, 2.0)
    assert delivery.in_flight_bytes == 0
    assert delivery.bytes_per_second == 200
