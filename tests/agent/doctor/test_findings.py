import random
from fractions import Fraction

import pytest

from vigie_agent.capture.consumer import SourceStatistics
from vigie_agent.capture.packets import StreamInfo
from vigie_agent.doctor.findings import Findings, Sample, measure

STREAM = StreamInfo("h264", 1920, 1080, Fraction(1, 90_000), b"", 25.0)


def samples(
    *gops: int, other_bytes: int = 18_000, spread: float = 0.1, quantisers: tuple[int, ...] = (24,)
) -> list[Sample]:
    """GOPs of so many frames at 25 a second, with sizes that vary by `spread`."""
    chance = random.Random(1)
    made: list[Sample] = []
    for frames in gops:
        for number in range(frames):
            size = (90_000 if number == 0 else other_bytes) * chance.uniform(1 - spread, 1 + spread)
            quantiser = quantisers[len(made) % len(quantisers)]
            made.append(Sample(len(made) / 25, round(size), number == 0, quantiser, None))
    return made


def found(made: list[Sample], **statistics: object) -> Findings:
    return measure(STREAM, made, SourceStatistics(**statistics))  # type: ignore[arg-type]


def test_rates_and_gops_are_measured() -> None:
    findings = found(samples(50, 50, 50, 50, 50, spread=0))
    assert findings.frames_per_second == pytest.approx(25)
    assert findings.gop_seconds == pytest.approx(2.0)
    assert findings.gop_frames == 50
    assert findings.kbps == pytest.approx((90_000 + 49 * 18_000) * 8 / 2 / 1000, rel=0.02)
    assert findings.has_even_gops


def test_a_bit_rate_used_up_by_noise_is_told_from_a_quiet_one() -> None:
    assert found(samples(*[50] * 8, quantisers=(23, 24, 26))).is_saturated
    assert not found(samples(*[50] * 8, other_bytes=300, quantisers=(23, 24, 26))).is_saturated, "quiet and variable"
    assert not found(samples(*[50] * 8, quantisers=(20,))).is_saturated, "the quantiser is at its floor"
    busy = samples(*[50] * 4, quantisers=(23, 26)) + [
        Sample(8 + one.position_seconds, one.size_bytes * 3, one.is_keyframe, one.quantiser, None)
        for one in samples(*[50] * 4, quantisers=(23, 26))
    ]
    assert not found(busy).is_saturated, "it varies with what is seen"


def test_the_gate_that_watches_motion_is_heard() -> None:
    quiet = samples(50, 50, 50)
    assert measure(STREAM, quiet, SourceStatistics(), "held_bitrate").is_saturated
    assert not measure(STREAM, quiet, SourceStatistics(), "informative").is_saturated


def test_too_few_gops_say_nothing_of_the_rate() -> None:
    findings = found(samples(50, 50, 50))
    assert findings.variation is None
    assert not findings.is_saturated


def test_uneven_gops_are_those_of_smart_codecs() -> None:
    findings = found(samples(50, 250, 25, 300, 25))
    assert not findings.has_even_gops
    assert findings.gop_frames == 300


def test_a_stream_with_one_keyframe_has_no_gop() -> None:
    assert found(samples(100)).gop_seconds is None
