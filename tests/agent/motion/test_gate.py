"""Whether packet sizes tell of motion: cameras of variable and of held bitrate, quiet and not."""

from collections.abc import Iterator
from datetime import timedelta
from fractions import Fraction

import pytest

from tests.agent.capture.cameras import AT
from vigie_agent.capture.packets import Packet
from vigie_agent.motion.gate import PacketGate

RATE = 10


def packets(
    seconds: float, sizes: "dict[str, int] | None" = None, *, busy: tuple[float, float] = (90, 91), gop: int = 20
) -> Iterator[Packet]:
    """A camera's packets by size alone, as H.265 is judged."""
    sizes = {"key": 50_000, "quiet": 500, "busy": 6_000, **(sizes or {})}
    for number in range(round(seconds * RATE)):
        at = number / RATE
        is_key = number % gop == 0
        size = sizes["key"] if is_key else sizes["busy" if busy[0] <= at <= busy[1] else "quiet"]
        jitter = 1 + 0.05 * ((number * 7919) % 11 - 5) / 5
        yield Packet(
            bytes(round(size * jitter)),
            number,
            number,
            1,
            Fraction(1, RATE),
            is_key,
            at,
            AT + timedelta(seconds=at),
        )


def spoken(gate: PacketGate, feed: Iterator[Packet]) -> list[float]:
    return [packet.position_seconds for packet in feed if gate.feed(packet)]


def test_it_speaks_within_half_a_second_where_pictures_grow_heavy() -> None:
    gate = PacketGate("hevc")
    alarms = spoken(gate, packets(100, busy=(61.3, 65)))
    assert gate.verdict.reason == "informative"
    assert alarms
    assert 61.3 <= alarms[0] <= 61.8
    assert alarms[-1] <= 65.5


def test_it_is_silent_while_it_learns() -> None:
    gate = PacketGate("hevc")
    assert spoken(gate, packets(18, busy=(10, 14))) == []
    assert (gate.verdict.is_informative, gate.verdict.reason) == (False, "learning")


def test_a_held_bitrate_tells_nothing_and_the_gate_says_so() -> None:
    gate = PacketGate("hevc")
    alarms = spoken(gate, packets(100, {"key": 60_000, "quiet": 15_000, "busy": 15_000}, busy=(61, 65)))
    assert alarms == []
    assert gate.verdict.reason == "held_bitrate"
    assert gate.verdict.bitrate_variation < 0.1
    assert gate.verdict.quiet_share == pytest.approx(0.25, rel=0.2)


def test_a_camera_that_spends_its_bits_on_noise_tells_nothing() -> None:
    gate = PacketGate("hevc")
    feed = packets(100, {"key": 50_000, "quiet": 15_000, "busy": 30_000}, busy=(30, 60))
    assert spoken(gate, feed) == []
    assert gate.verdict.reason == "noisy"


def test_a_quiet_street_of_constant_size_is_informative_all_the_same() -> None:
    gate = PacketGate("hevc")
    spoken(gate, packets(80))
    assert gate.verdict.reason == "informative"
    assert gate.verdict.bitrate_variation < 0.1


def test_it_says_how_far_keyframes_are_apart() -> None:
    gate = PacketGate("hevc")
    assert gate.verdict.gop_seconds is None
    spoken(gate, packets(30, gop=40))
    assert gate.verdict.gop_seconds == pytest.approx(4.0)


def test_denied_it_must_see_more() -> None:
    trusted, doubted = PacketGate("hevc"), PacketGate("hevc")
    for gate in (trusted, doubted):
        spoken(gate, packets(60))
    for _time in range(4):
        doubted.deny()
    later = [packet for packet in packets(70, {"busy": 1_500}, busy=(61, 65)) if packet.position_seconds >= 60]
    assert spoken(trusted, iter(later))
    assert spoken(doubted, iter(later)) == []


def test_a_denial_is_forgotten_in_time() -> None:
    gate = PacketGate("hevc")
    spoken(gate, packets(60))
    for _time in range(4):
        gate.deny()
    feed = [packet for packet in packets(400, {"busy": 2_500}, busy=(361, 365)) if packet.position_seconds >= 60]
    assert spoken(gate, iter(feed))
