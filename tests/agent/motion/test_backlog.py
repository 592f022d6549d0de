from datetime import timedelta
from fractions import Fraction

from tests.agent.capture.cameras import AT
from vigie_agent.capture.packets import Packet
from vigie_agent.motion.backlog import Backlog
from vigie_agent.motion.budget import DecodeBudget


def packet(number: int, *, gop: int = 5, size: int = 100, is_discontinuity: bool = False) -> Packet:
    at = number / 10
    return Packet(
        bytes(size),
        number,
        number,
        1,
        Fraction(1, 10),
        number % gop == 0,
        at,
        AT + timedelta(seconds=at),
        is_discontinuity=is_discontinuity,
    )


def taken(backlog: Backlog) -> list[int]:
    return [backlog.take().pts for _ in range(len(backlog))]


def kept(first: int, last: int, bytes_max: int = 10_000) -> Backlog:
    backlog = Backlog(bytes_max)
    for number in range(first, last):
        backlog.keep(packet(number))
    return backlog


def test_it_keeps_from_the_keyframe_before_the_newest() -> None:
    backlog = kept(0, 23)
    backlog.queue_kept(-1.0)
    assert taken(backlog) == list(range(15, 23))


def test_what_was_seen_up_to_a_keyframe_is_queued_from_there() -> None:
    backlog = kept(0, 23)
    backlog.queue_kept(2.0)
    assert taken(backlog) == list(range(20, 23))


def test_what_waits_already_is_not_queued_twice() -> None:
    backlog = kept(0, 21)
    backlog.queue_kept(1.5)
    for number in range(21, 24):
        backlog.keep(packet(number))
    backlog.queue_kept(1.5)
    assert taken(backlog) == list(range(15, 24))


def test_a_packet_queued_by_itself_is_queued_once() -> None:
    backlog = kept(0, 20)
    one = packet(20)
    backlog.keep(one)
    backlog.queue_kept(1.5)
    backlog.queue(one)
    assert taken(backlog) == list(range(15, 21))


def test_packets_before_a_break_in_the_timeline_are_not_mixed_with_those_after() -> None:
    backlog = kept(0, 13)
    for number in range(15, 18):
        backlog.keep(packet(number, is_discontinuity=number == 15))
    backlog.queue_kept(-1.0)
    assert taken(backlog) == [15, 16, 17]


def test_before_the_first_keyframe_nothing_can_be_queued() -> None:
    backlog = kept(1, 4)
    backlog.queue_kept(-1.0)
    assert len(backlog) == 0


def test_beyond_its_bytes_the_oldest_gop_is_given_up_whole() -> None:
    backlog = kept(0, 5, bytes_max=1_200)
    backlog.queue_kept(-1.0)
    for number in range(5, 13):
        backlog.keep(packet(number))
        backlog.queue(packet(number))
    assert backlog.skipped_packets == 5
    assert taken(backlog) == list(range(5, 13))


def test_slots_are_handed_out_and_come_back() -> None:
    budget = DecodeBudget(2)
    assert [budget.take() for _ in range(3)] == [True, True, False]
    assert budget.refusals == 1
    budget.give_back()
    assert budget.take()
    assert not budget.take()
