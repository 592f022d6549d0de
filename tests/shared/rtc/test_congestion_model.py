"""How the controller fares on emulated paths, in simulated time: the same figures in every run."""

from dataclasses import replace

import pytest

from tests.shared.rtc.simulated_path import FOREVER, Receiver, SimulatedPath, simulated_path
from vigie_shared.rtc.congestion_model import PACKET_BYTES, Phase


def share_of_rate(path: SimulatedPath, seconds: float) -> float:
    """Of the line's rate that new packets take, repairs not counted."""
    before = sum(flow.received for flow in path.flows)
    path.run(seconds)
    received = sum(flow.received for flow in path.flows) - before
    return received * PACKET_BYTES * 8 / seconds / path.forth.conditions.rate_bits


@pytest.mark.parametrize(
    ("rate_bits", "rtt_seconds", "loss", "seconds", "least"),
    [
        (5e6, 0.05, 0.0, 6.0, 0.97),
        (5e6, 0.05, 0.01, 6.0, 0.95),
        (10e6, 0.1, 0.02, 6.0, 0.91),
        (2e6, 0.08, 0.005, 12.0, 0.95),
        (0.5e6, 0.1, 0.02, 20.0, 0.92),
        (64e3, 0.2, 0.0, 60.0, 0.9),
        (50e6, 0.02, 0.0, 1.0, 0.96),
    ],
)
def test_a_flow_fills_the_line(rate_bits: float, rtt_seconds: float, loss: float, seconds: float, least: float) -> None:
    path = simulated_path(rate_bits, rtt_seconds, loss)
    path.flows[0].waiting = FOREVER
    path.run(1.0)
    assert share_of_rate(path, seconds) > least


def test_losses_in_bursts_slow_it_little() -> None:
    path = simulated_path(5e6, 0.05, 0.03, burst_packets=4.0)
    path.flows[0].waiting = FOREVER
    path.run(1.0)
    assert share_of_rate(path, 6.0) > 0.88


def test_acknowledgements_of_every_second_packet_are_enough() -> None:
    path = simulated_path(5e6, 0.05, 0.01, receivers=[Receiver(every=2)])
    path.flows[0].waiting = FOREVER
    path.run(1.0)
    assert share_of_rate(path, 6.0) > 0.94


def test_repairs_are_few_more_than_losses() -> None:
    path = simulated_path(10e6, 0.1, 0.02)
    path.flows[0].waiting = FOREVER
    path.run(6.0)
    lost = path.forth.count.lost_packets + path.forth.count.dropped_packets
    assert path.flows[0].repeated <= lost * 1.1 + 3


@pytest.mark.parametrize(("queue_share", "most"), [(0.5, 0.08), (1.0, 0.0), (4.0, 0.0)])
def test_the_start_does_not_overrun_the_queue(queue_share: float, most: float) -> None:
    path = simulated_path(10e6, 0.1, queue_share=queue_share)
    path.flows[0].waiting = FOREVER
    path.run(1.5)
    assert path.flows[0].window.model.phase is not Phase.STARTING
    assert path.forth.count.dropped_packets <= most * path.flows[0].sent


def test_a_loop_that_is_slow_to_hear_at_first_ends_no_start() -> None:
    path = simulated_path(10e6, 0.1)
    path.flows[0].waiting = 3
    path.run(1.0)
    path.flows[0].waiting = FOREVER
    path.back.conditions = replace(path.back.conditions, delay_seconds=0.15)
    path.run(0.4)
    path.back.conditions = replace(path.back.conditions, delay_seconds=0.05)
    path.run(0.6)
    assert share_of_rate(path, 2.0) > 0.9


def test_a_deep_queue_stays_nearly_empty() -> None:
    path = simulated_path(5e6, 0.05, queue_share=20.0)
    path.flows[0].waiting = FOREVER
    path.run(6.0)
    assert path.forth.count.dropped_packets == 0
    assert path.forth.count.queue_bytes_max < 1.5 * 5e6 * 0.05 / 8


def test_a_shallow_queue_is_overrun_only_to_probe() -> None:
    path = simulated_path(10e6, 0.1, queue_share=0.25)
    path.flows[0].waiting = FOREVER
    path.run(1.0)
    assert share_of_rate(path, 6.0) > 0.93
    assert path.forth.count.dropped_packets < 0.08 * path.flows[0].sent


def test_a_line_that_becomes_faster_is_filled_within_seconds() -> None:
    path = simulated_path(1e6, 0.05)
    path.flows[0].waiting = FOREVER
    path.run(5.0)
    path.forth.conditions = replace(path.forth.conditions, rate_bits=8e6, queue_bytes=50_000)
    path.run(5.0)
    assert share_of_rate(path, 2.0) > 0.9


def test_a_line_that_becomes_slower_is_not_flooded_for_long() -> None:
    path = simulated_path(8e6, 0.05)
    path.flows[0].waiting = FOREVER
    path.run(5.0)
    path.forth.conditions = replace(path.forth.conditions, rate_bits=1e6)
    path.run(4.0)
    dropped = path.forth.count.dropped_packets
    assert share_of_rate(path, 5.0) > 0.9
    assert path.forth.count.dropped_packets == dropped < 150


def test_a_cut_line_is_felt_for_gently_and_found_again_soon() -> None:
    path = simulated_path(5e6, 0.05)
    path.flows[0].waiting = FOREVER
    path.run(3.0)
    path.forth.conditions = replace(path.forth.conditions, loss=1.0)
    path.run(1.0)
    sent = path.flows[0].sent
    path.run(20.0)
    assert path.flows[0].sent - sent <= 20
    path.forth.conditions = replace(path.forth.conditions, loss=0.0)
    path.run(3.5)
    assert share_of_rate(path, 2.0) > 0.9


def test_the_shortest_round_trip_is_measured_anew() -> None:
    path = simulated_path(5e6, 0.05, queue_share=4.0)
    path.flows[0].waiting = FOREVER
    path.run(5.0)
    for line in (path.forth, path.back):
        line.conditions = replace(line.conditions, delay_seconds=0.1)
    path.run(15.0)
    assert path.flows[0].window.model.shortest_seconds == pytest.approx(0.2, abs=0.02)
    assert share_of_rate(path, 5.0) > 0.9


def test_who_sends_little_at_a_time_still_learns_nothing_false() -> None:
    path = simulated_path(5e6, 0.05)
    for _ in range(100):
        path.flows[0].waiting += 3
        path.run(0.1)
    assert path.flows[0].received == 300
    assert path.flows[0].window.model.phase is Phase.STARTING
    path.flows[0].waiting = FOREVER
    path.run(1.5)
    assert share_of_rate(path, 4.0) > 0.95


def test_who_pauses_goes_on_at_the_rate_it_knew() -> None:
    path = simulated_path(5e6, 0.05)
    path.flows[0].waiting = 3000
    path.run(30.0)
    assert path.flows[0].received == 3000
    path.flows[0].waiting = FOREVER
    assert share_of_rate(path, 1.0) > 0.85


def test_a_lost_last_packet_costs_no_second() -> None:
    path = simulated_path(5e6, 0.05)
    path.flows[0].waiting = 5
    path.run(1.0)
    path.forth.conditions = replace(path.forth.conditions, loss=1.0)
    path.flows[0].waiting = 1
    path.run(0.01)
    path.forth.conditions = replace(path.forth.conditions, loss=0.0)
    path.run(0.45)
    assert path.flows[0].received == 6


@pytest.mark.parametrize(
    ("rate_bits", "rtt_seconds", "queue_share"), [(4e6, 0.05, 0.5), (4e6, 0.05, 1.0), (4e6, 0.05, 4.0), (2e6, 0.1, 1.0)]
)
def test_a_second_flow_gets_its_share(rate_bits: float, rtt_seconds: float, queue_share: float) -> None:
    path = simulated_path(rate_bits, rtt_seconds, queue_share=queue_share, receivers=[Receiver(), Receiver()])
    first, second = path.flows
    first.waiting = FOREVER
    path.run(3.0)
    second.waiting = FOREVER
    path.run(8.0)
    before = first.received, second.received
    path.run(10.0)
    shares = first.received - before[0], second.received - before[1]
    assert 0.25 < shares[1] / sum(shares) < 0.75
    assert sum(shares) * PACKET_BYTES * 8 / 10.0 > 0.93 * rate_bits
