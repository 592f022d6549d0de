"""The estimate is what the link carries, whoever is slow besides."""

import random
from collections.abc import Iterator

import pytest

from vigie_shared.rtc.bandwidth import START_BITS_PER_SECOND, BandwidthEstimator

PACKET_BYTES = 1200
CLOCK_AHEAD_SECONDS = 12_345.678


def link(rate: float, offered: float, seconds: float, queue_bytes: int = 60_000) -> Iterator[tuple[float, float]]:
    """When packets sent at `offered` left, and came through a queue that drains at `rate` and holds so much."""
    free_at = 0.0
    for number in range(int(seconds * offered / 8 / PACKET_BYTES)):
        sent = number * PACKET_BYTES * 8 / offered
        if max(0.0, free_at - sent) * rate / 8 < queue_bytes:
            free_at = max(free_at, sent) + PACKET_BYTES * 8 / rate
            yield sent, free_at + 0.03


def fed(estimator: BandwidthEstimator, packets: Iterator[tuple[float, float]]) -> list[tuple[float, int]]:
    said = []
    for sent, came in packets:
        ticks = int((sent + CLOCK_AHEAD_SECONDS) % 64 * (1 << 18))
        if estimator.feed(ticks, PACKET_BYTES, came):
            said.append((came, estimator.say()))
    return said


@pytest.mark.parametrize("rate", [500_000, 2_000_000, 5_000_000])
def test_a_link_that_is_too_narrow_is_known_within_a_second(rate: int) -> None:
    estimator = BandwidthEstimator()
    said = fed(estimator, link(rate, 4 * rate, 5))
    at_once = [estimate for came, estimate in said if came <= 1.0]
    assert 0.7 * rate < at_once[-1] < 1.05 * rate
    assert 0.7 * rate < estimator.bits_per_second < 1.05 * rate


@pytest.mark.parametrize("rate", [300_000, 500_000, 1_000_000])
def test_a_burst_at_the_very_start_shows_what_a_narrow_link_carries_at_once(rate: int) -> None:
    burst = [(0.0, number * PACKET_BYTES * 8 / rate + 0.05) for number in range(40)]
    came, estimate = fed(BandwidthEstimator(), iter(burst))[0]
    assert came <= 0.35
    assert 0.7 * rate < estimate < 1.05 * rate


def test_few_pictures_a_second_that_come_late_are_no_narrower_link_than_what_they_are() -> None:
    """As where the receiver's machine is busy: a moment has one picture or two."""
    pictures = [(at / 8, at / 8 + (0.0 if at < 8 else 0.1)) for at in range(80)]
    estimator = BandwidthEstimator()
    fed(estimator, (packet for packet in pictures for _of_three in range(3)))
    assert estimator.bits_per_second > 0.8 * 8 * 8 * 3 * PACKET_BYTES


def test_a_link_that_suffices_is_never_said_to_be_narrow() -> None:
    estimator = BandwidthEstimator()
    assert fed(estimator, link(5_000_000, 4_000_000, 20)) == []
    assert estimator.say() == START_BITS_PER_SECOND


def test_a_busy_processor_is_no_narrow_link() -> None:
    chance = random.Random(3)
    packets = [(sent, came + chance.choice((0.0, 0.0, 0.03, 0.2))) for sent, came in link(50_000_000, 4_000_000, 10)]
    packets.sort(key=lambda packet: packet[1])
    estimator = BandwidthEstimator()
    fed(estimator, iter(packets))
    assert estimator.bits_per_second == START_BITS_PER_SECOND


def test_the_estimate_grows_again_when_the_queue_is_gone() -> None:
    estimator = BandwidthEstimator()
    fed(estimator, link(500_000, 2_000_000, 3))
    low = estimator.bits_per_second
    later = [(sent + 10, came + 10) for sent, came in link(5_000_000, 300_000, 20)]
    fed(estimator, iter(later))
    assert estimator.bits_per_second > 8 * low


def test_a_fall_is_said_once_and_at_once() -> None:
    said = fed(BandwidthEstimator(), link(1_000_000, 4_000_000, 3))
    estimates = [estimate for _, estimate in said]
    assert said[0][0] < 1.0
    assert estimates == sorted(set(estimates), reverse=True)


def test_a_pause_after_a_queue_says_nothing_of_the_link() -> None:
    """As where a transcode begins: a keyframe, through the queue that the stream before left, and then nothing."""
    burst = [(0.0, number * PACKET_BYTES * 8 / 500_000 + 0.05) for number in range(40)]
    estimator = BandwidthEstimator()
    fed(estimator, iter([*burst, (3.0, 3.4), (3.0, 3.42), (3.5, 3.9)]))
    assert estimator.bits_per_second > 200_000
