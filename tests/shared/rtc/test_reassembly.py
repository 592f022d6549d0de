"""Frames come whole, in order, and as soon as their last packet is there."""

import random
from collections import deque

import pytest

from tests.shared.rtc.pairs import difference, group, keyframe
from vigie_shared.rtc.h264 import EncodedFrame, nal_units, packetize
from vigie_shared.rtc.reassembly import PATIENCE_SECONDS, Reassembly, ReceivedFrame

Packet = tuple[int, int, bool, bytes]


def packets(frames: list[EncodedFrame], first: int = 65_500) -> list[Packet]:
    sequence, result = first, []
    for frame in frames:
        payloads = packetize(frame.data)
        for number, payload in enumerate(payloads):
            result.append((sequence & 0xFFFF, frame.timestamp, number == len(payloads) - 1, payload))
            sequence += 1
    return result


def fed(reassembly: Reassembly, sent: list[Packet], now: float = 0.0) -> list[ReceivedFrame]:
    return [frame for packet in sent for frame in reassembly.feed(*packet, now)]


def same(received: list[ReceivedFrame], frames: list[EncodedFrame]) -> bool:
    return [list(nal_units(frame.data)) for frame in received] == [list(nal_units(frame.data)) for frame in frames]


def test_a_frame_is_handed_on_at_its_marker() -> None:
    reassembly, sent = Reassembly(), packets([keyframe(0)])
    assert fed(reassembly, sent[:-1]) == []
    (frame,) = fed(reassembly, sent[-1:])
    assert frame.is_keyframe
    assert same([frame], [keyframe(0)])


def test_frames_without_markers_end_where_the_next_begins() -> None:
    frames = group(3)
    sent = [(sequence, timestamp, False, payload) for sequence, timestamp, _, payload in packets(frames)]
    assert same(fed(Reassembly(), sent), frames[:2])


@pytest.mark.parametrize("seed", range(20))
def test_any_order_and_doubles_give_the_same_frames(seed: int) -> None:
    frames, chance = group(20), random.Random(seed)
    sent = packets(frames)
    shuffled = sorted(enumerate(sent * 2), key=lambda item: item[0] % len(sent) + chance.uniform(0, 30))
    opening = [sent[0]]
    assert same(fed(Reassembly(), opening + [packet for _, packet in shuffled]), frames)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("loss", [0.02, 0.1, 0.3])
def test_what_is_asked_for_often_enough_arrives(seed: int, loss: float) -> None:
    """A sender 60 ms away, through a link that loses packets and repairs alike; all but the very last packet."""
    frames, chance, reassembly = group(50), random.Random(seed), Reassembly()
    sent = {packet[0]: packet for packet in packets(frames)}
    line = deque((0.002 * number, packet) for number, packet in enumerate(sent.values()))
    received: list[ReceivedFrame] = []
    now = 0.0
    while now < 4.0:
        while line and line[0][0] <= now:
            packet = line.popleft()[1]
            if chance.random() >= loss or packet[1:3] == (frames[-1].timestamp, True):
                received += reassembly.feed(*packet, now)
        if reassembly.waits:
            asked = [sent[number] for number in reassembly.missing(now) if number in sent]
            line = deque(sorted([*line, *((now + 0.06, packet) for packet in asked)], key=lambda item: item[0]))
        now += 0.01
    assert same(received, frames)
    assert reassembly.frames_lost == 0
    assert not reassembly.waits


def test_a_missing_packet_is_asked_for_again_until_patience_ends() -> None:
    reassembly, sent = Reassembly(), packets(group(5))
    lost = sent.pop(30)
    fed(reassembly, sent)
    times = [now for now in (n * 0.01 for n in range(200)) if lost[0] in reassembly.missing(now)]
    assert times[0] == 0.0
    assert 5 <= len(times) <= 12
    assert times[-1] < PATIENCE_SECONDS


def test_after_a_loss_for_good_a_keyframe_is_asked_for_and_nothing_else_is_shown() -> None:
    reassembly, frames = Reassembly(), [*group(5), *group(5, first=100_000)]
    sent = packets(frames)
    lost = next(n for n, packet in enumerate(sent) if packet[1] == frames[2].timestamp)
    second = next(n for n, packet in enumerate(sent) if packet[1] == 100_000)
    shown = fed(reassembly, sent[:lost] + sent[lost + 1 : second - 3])
    assert not reassembly.wants_keyframe(0.5)
    reassembly.missing(PATIENCE_SECONDS + 0.01)
    assert reassembly.wants_keyframe(PATIENCE_SECONDS + 0.01)
    assert not reassembly.wants_keyframe(PATIENCE_SECONDS + 0.5), "not again at once"
    assert reassembly.wants_keyframe(PATIENCE_SECONDS + 1.1), "the request may be lost too"
    shown += fed(reassembly, sent[second - 3 :], 2.5)
    assert same(shown, frames[:2] + frames[5:])
    assert not reassembly.waits


def test_a_keyframe_that_waits_behind_a_loss_is_shown_when_patience_ends() -> None:
    reassembly, frames = Reassembly(), [*group(5), *group(5, first=100_000)]
    sent = packets(frames)
    lost = next(n for n, packet in enumerate(sent) if packet[1] == frames[2].timestamp)
    shown = fed(reassembly, sent[:lost] + sent[lost + 1 : -1])
    reassembly.missing(PATIENCE_SECONDS + 0.01)
    shown += fed(reassembly, sent[-1:], 1.1)
    assert same(shown, frames[:2] + frames[5:])
    assert not reassembly.wants_keyframe(1.2)


def test_who_joins_in_the_middle_waits_for_a_keyframe_and_asks_for_it() -> None:
    reassembly = Reassembly()
    assert fed(reassembly, packets([difference(n * 3600) for n in range(5)])) == []
    reassembly.missing(0.4)
    assert reassembly.wants_keyframe(0.4)
    assert same(fed(reassembly, packets(group(2), first=65_500 + 25), 0.5), group(2))


def test_a_stranger_cannot_fill_memory() -> None:
    reassembly = Reassembly()
    fed(reassembly, packets([keyframe(0)]))
    for number in range(0, 200_000, 3):
        reassembly.feed(number & 0xFFFF, number, False, b"\x41x", 0.0)
    assert len(reassembly._packets) + len(reassembly._gaps) < 10_000
