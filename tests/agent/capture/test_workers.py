import threading
from collections.abc import Iterator

import pytest
import structlog

from tests.agent.capture.cameras import STREAM, Collector, packet
from vigie_agent.capture.packets import Packet
from vigie_agent.capture.workers import Delivery, Mailbox, Workers
from vigie_shared.errors import CaptureError


@pytest.fixture
def workers() -> Iterator[Workers]:
    workers = Workers(3)
    workers.start()
    yield workers
    workers.stop()


def post(workers: Workers, mailbox: Mailbox, *deliveries: Delivery) -> None:
    if mailbox.put(deliveries):
        workers.submit([mailbox])


def no_fault(name: str) -> None:
    raise AssertionError(name)


class Blocked(Collector):
    """Takes nothing until it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may = threading.Event()
        self.is_waiting = threading.Event()
        self.at_once = 0
        self._inside = threading.Lock()

    def on_packet(self, packet: Packet) -> None:
        assert self._inside.acquire(blocking=False), "two deliveries at once"
        self.is_waiting.set()
        assert self.may.wait(20)
        self._inside.release()
        super().on_packet(packet)


def test_each_camera_s_packets_stay_in_order_however_many_workers_there_are(workers: Workers) -> None:
    collectors = [Collector() for _camera in range(8)]
    mailboxes = [Mailbox(collector, workers, no_fault) for collector in collectors]
    for number in range(200):
        for mailbox in mailboxes:
            post(workers, mailbox, packet(number / 10, keyframe=number % 10 == 0))
    for collector in collectors:
        collector.wait_until(lambda one: len(one.packets) == 200)
        positions = [one.position_seconds for one in collector.packets]
        assert positions == sorted(positions)


def test_a_blocked_camera_delays_no_other(workers: Workers) -> None:
    blocked, free = Blocked(), Collector()
    first, second = Mailbox(blocked, workers, no_fault), Mailbox(free, workers, no_fault)
    post(workers, first, packet(0, keyframe=True))
    assert blocked.is_waiting.wait(20)
    for number in range(50):
        post(workers, first, packet(number / 10 + 0.1))
        post(workers, second, packet(number / 10, keyframe=number == 0))
    free.wait_until(lambda one: len(one.packets) == 50)
    assert not blocked.packets
    blocked.may.set()
    blocked.wait_until(lambda one: len(one.packets) == 51)


def test_what_a_slow_camera_cannot_take_is_dropped_up_to_a_keyframe_and_counted(workers: Workers) -> None:
    blocked = Blocked()
    mailbox = Mailbox(blocked, workers, no_fault, bytes_max=1000)
    post(workers, mailbox, packet(0, keyframe=True))
    assert blocked.is_waiting.wait(20)
    post(workers, mailbox, *(packet(number / 10 + 0.1, size=100) for number in range(15)))
    assert mailbox.dropped_packets == 5
    blocked.may.set()
    blocked.wait_until(lambda one: len(one.packets) == 11)
    post(workers, mailbox, packet(2.0), packet(2.1, keyframe=True), packet(2.2))
    blocked.wait_until(lambda one: len(one.packets) == 13)
    assert mailbox.dropped_packets == 6
    assert [one.is_discontinuity for one in blocked.packets[-3:]] == [False, True, False]


def test_a_stream_and_a_loss_are_never_dropped(workers: Workers) -> None:
    collector = Collector()
    mailbox = Mailbox(collector, workers, no_fault, bytes_max=10)
    post(workers, mailbox, STREAM, packet(0, keyframe=True, size=100), CaptureError("gone"))
    collector.wait_until(lambda one: bool(one.losses))
    assert (collector.streams, collector.packets, collector.losses) == ([STREAM], [], ["gone"])


def test_a_fault_of_the_consumer_is_told_and_the_worker_lives_on(workers: Workers) -> None:
    class Clumsy(Collector):
        def on_packet(self, packet: Packet) -> None:
            raise RuntimeError("a fault of ours")

    faults: list[str] = []
    told = threading.Event()

    def hear(name: str) -> None:
        faults.append(name)
        told.set()

    with structlog.testing.capture_logs() as lines:
        post(workers, Mailbox(Clumsy(), workers, hear), packet(0, keyframe=True))
        assert told.wait(20)
    assert faults == ["RuntimeError"]
    assert [line["event"] for line in lines] == ["camera failed"]
    collector = Collector()
    post(workers, Mailbox(collector, workers, no_fault), packet(0, keyframe=True))
    collector.wait_until(lambda one: len(one.packets) == 1)


def test_a_closed_mailbox_hands_on_nothing(workers: Workers) -> None:
    blocked = Blocked()
    mailbox = Mailbox(blocked, workers, no_fault)
    post(workers, mailbox, packet(0, keyframe=True), packet(0.1))
    assert blocked.is_waiting.wait(20)
    closing = threading.Thread(target=mailbox.close)
    closing.start()
    while not mailbox._is_closed:
        pass
    blocked.may.set()
    closing.join(20)
    assert not closing.is_alive()
    post(workers, mailbox, packet(0.2))
    assert len(blocked.packets) == 1
    assert mailbox.is_idle
