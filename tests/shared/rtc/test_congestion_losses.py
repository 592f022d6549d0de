"""What counts as lost, and when (RFC 8985), packet by packet."""

import pytest

from vigie_shared.rtc.congestion_losses import (
    ACKNOWLEDGEMENT_SECONDS_MAX,
    RTO_FIRST_SECONDS,
    RTO_SECONDS_MAX,
    Losses,
)

SIZE = 1000
ROUND_TRIP = 0.1


def with_round_trip() -> Losses:
    """One packet has gone and come back; the next number is 1."""
    losses = Losses()
    losses.send(0, SIZE, 0.0)
    losses.acknowledge(0, [], ROUND_TRIP)
    return losses


def send(losses: Losses, numbers: range, at: float) -> None:
    for number in numbers:
        losses.send(number, SIZE, at + number * 0.001)


def due(losses: Losses) -> float:
    at = losses.next_at()
    assert at is not None
    return at


def lost(losses: Losses, now: float) -> list[int]:
    return [sent.number for sent in losses.find_lost(now)]


def test_what_arrives_is_told_once() -> None:
    losses = with_round_trip()
    send(losses, range(1, 6), 1.0)
    assert [sent.number for sent in losses.acknowledge(2, [(4, 4)], 1.1)] == [1, 2, 4]
    assert losses.acknowledge(2, [(4, 4)], 1.1) == []
    assert [sent.number for sent in losses.acknowledge(2, [(4, 5)], 1.1)] == [5]
    assert [sent.number for sent in losses.acknowledge(5, [], 1.2)] == [3]
    assert losses.in_flight_bytes == losses.in_flight_packets == 0


def test_a_gap_is_a_loss_only_when_a_quarter_of_a_round_trip_has_passed() -> None:
    losses = with_round_trip()
    send(losses, range(1, 6), 1.0)
    losses.acknowledge(1, [(3, 5)], 1.105)
    assert lost(losses, 1.105) == []
    at = due(losses)
    assert at == pytest.approx(1.002 + ROUND_TRIP + 0.25 * ROUND_TRIP, abs=0.002)
    assert [sent.number for sent in losses.expire(at).lost] == [2]
    assert losses.is_lost(2)


def test_reordering_within_that_time_is_no_loss() -> None:
    losses = with_round_trip()
    send(losses, range(1, 6), 1.0)
    losses.acknowledge(1, [(3, 5)], 1.105)
    losses.acknowledge(5, [], 1.115)
    assert lost(losses, 9.0) == []


def test_what_left_after_the_latest_arrival_is_not_lost() -> None:
    losses = with_round_trip()
    send(losses, range(1, 6), 1.0)
    losses.acknowledge(3, [], 1.1)
    assert lost(losses, 5.0) == []


def test_a_repair_that_is_lost_too_is_found_again() -> None:
    losses = with_round_trip()
    send(losses, range(1, 4), 1.0)
    losses.acknowledge(0, [(2, 3)], 1.1)
    assert lost(losses, 1.2) == [1]
    losses.send(1, SIZE, 1.2)
    losses.send(4, SIZE, 1.21)
    losses.acknowledge(0, [(2, 4)], 1.31)
    assert lost(losses, 1.4) == [1]


def test_a_packet_that_comes_late_needs_no_repair() -> None:
    losses = with_round_trip()
    send(losses, range(1, 4), 1.0)
    losses.acknowledge(0, [(2, 3)], 1.1)
    assert lost(losses, 1.2) == [1]
    losses.acknowledge(3, [], 1.21)
    assert not losses.is_lost(1)
    assert losses.has_arrived(1)
    assert losses.in_flight_bytes == 0


def test_an_answer_too_early_for_the_repair_says_nothing_about_the_path() -> None:
    losses = with_round_trip()
    send(losses, range(1, 4), 1.0)
    losses.acknowledge(0, [(2, 3)], 1.1)
    lost(losses, 1.2)
    losses.send(1, SIZE, 1.2)
    losses.send(4, SIZE, 1.201)
    losses.acknowledge(3, [], 1.21)  # of the original
    assert losses.round_trips.shortest > 0.09
    assert lost(losses, 9.0) == []


def test_what_arrived_twice_makes_it_wait_longer() -> None:
    patient, hasty = with_round_trip(), with_round_trip()
    patient.doubt(0)
    for losses in (patient, hasty):
        send(losses, range(1, 4), 1.0)
        losses.acknowledge(0, [(2, 3)], 1.1)
    assert lost(hasty, 1.14) == [1]
    assert lost(patient, 1.14) == []
    assert lost(patient, 1.16) == [1]


def test_a_probe_that_arrives_twice_proves_nothing() -> None:
    losses = with_round_trip()
    losses.send(1, SIZE, 1.0)
    losses.probe(1, SIZE, 1.3)
    losses.doubt(1)
    losses.acknowledge(1, [], 1.31)
    send(losses, range(2, 5), 2.0)
    losses.acknowledge(1, [(3, 4)], 2.1)
    assert lost(losses, 2.14) == [2]


def test_a_silent_tail_is_probed_after_two_round_trips_and_given_up_later() -> None:
    losses = with_round_trip()
    send(losses, range(1, 4), 1.0)
    probe_at = due(losses)
    assert probe_at == pytest.approx(1.003 + 2 * ROUND_TRIP, abs=0.002)
    assert losses.expire(probe_at).wants_probe
    losses.probe(3, SIZE, probe_at)
    timeout_at = due(losses)
    assert timeout_at == pytest.approx(probe_at + losses.round_trips.timeout_seconds)
    expiry = losses.expire(timeout_at)
    assert expiry.is_timeout
    assert [sent.number for sent in expiry.lost] == [1, 2, 3]
    assert losses.next_at() is None


def test_a_lone_packet_is_given_time_for_a_delayed_acknowledgement() -> None:
    losses = with_round_trip()
    losses.send(1, SIZE, 1.0)
    at = due(losses)
    assert at > 1.0 + ROUND_TRIP + ACKNOWLEDGEMENT_SECONDS_MAX


def test_timeouts_back_off_and_end_with_the_first_answer() -> None:
    losses = Losses()
    now, waits = 0.0, []
    for _ in range(4):
        losses.send(0, SIZE, now)
        at = due(losses)
        waits.append(at - now)
        now = at
        assert losses.expire(now).is_timeout
    assert waits == [RTO_FIRST_SECONDS, 2 * RTO_FIRST_SECONDS, RTO_SECONDS_MAX, RTO_SECONDS_MAX]
    losses.send(0, SIZE, now)
    losses.acknowledge(0, [], now + ROUND_TRIP)
    assert losses.timeouts == 0


def test_a_peer_cannot_acknowledge_what_never_left() -> None:
    losses = with_round_trip()
    losses.send(1, SIZE, 1.0)
    assert [sent.number for sent in losses.acknowledge(0, [(50, 2**16)], 1.1)] == []
    assert [sent.number for sent in losses.acknowledge(10**6, [], 1.2)] == [1]
    losses.send(2, SIZE, 1.3)
    assert [sent.number for sent in losses.acknowledge(2, [], 1.4)] == [2]


def test_what_the_other_side_dropped_again_is_lost() -> None:
    losses = with_round_trip()
    send(losses, range(1, 4), 1.0)
    losses.acknowledge(0, [(2, 3)], 1.1)
    losses.reclaim(2, SIZE, 5.0)
    assert losses.is_lost(2)
    losses.send(2, SIZE, 5.0)
    assert [sent.number for sent in losses.acknowledge(0, [(2, 3)], 5.1)] == [2]


def test_what_is_forgotten_is_not_on_its_way() -> None:
    losses = with_round_trip()
    send(losses, range(1, 3), 1.0)
    losses.forget(1)
    assert losses.in_flight_bytes == SIZE
    losses.acknowledge(2, [], 1.1)
    assert lost(losses, 9.0) == []
