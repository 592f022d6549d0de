import threading
from collections.abc import Iterator

import pytest

from tests.agent.capture.cameras import Collector, packet
from vigie_agent.capture.receiver import Receiver
from vigie_agent.capture.workers import Mailbox, Workers


class Polls:
    """A source that counts how often it is looked at, and gives a packet each time."""

    def __init__(self, workers: Workers, collector: Collector, *, is_playing: bool = True) -> None:
        self.mailbox = Mailbox(collector, workers, print)
        self.is_playing = is_playing
        self.is_closed = False
        self.threads: set[str] = set()
        self.polls = 0

    def poll(self, receiver: Receiver) -> bool:
        self.polls += 1
        self.threads.add(threading.current_thread().name)
        return self.mailbox.put([packet(self.polls / 10, keyframe=True)])

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def workers() -> Iterator[Workers]:
    workers = Workers(1)
    workers.start()
    yield workers
    workers.stop()


@pytest.fixture
def receiver(workers: Workers) -> Iterator[Receiver]:
    receiver = Receiver(workers, poll_seconds=0.01)
    receiver.start()
    yield receiver
    receiver.stop()


def test_every_source_is_looked_at_again_and_again_on_one_thread(receiver: Receiver, workers: Workers) -> None:
    collectors = [Collector(), Collector()]
    sources = [Polls(workers, collector) for collector in collectors]
    for source in sources:
        receiver.attach(source)
    for collector in collectors:
        collector.wait_until(lambda one: len(one.packets) >= 5)
    for source in sources:
        receiver.detach(source)
    assert {name for source in sources for name in source.threads} == {"receive"}


def test_a_source_that_is_let_go_is_closed_and_looked_at_no_more(receiver: Receiver, workers: Workers) -> None:
    collector, witness = Collector(), Collector()
    source, other = Polls(workers, collector), Polls(workers, witness)
    receiver.attach(source)
    receiver.attach(other)
    collector.wait_until(lambda one: bool(one.packets))
    receiver.detach(source)
    polls, seen = source.polls, len(witness.packets)
    witness.wait_until(lambda one: len(one.packets) > seen + 3)
    assert source.is_closed
    assert source.polls == polls
    receiver.detach(other)


def test_between_looks_only_those_are_woken_that_do_not_play_yet(workers: Workers) -> None:
    receiver = Receiver(workers, poll_seconds=3600)
    receiver.start()
    waiting, playing = Collector(), Collector()
    handshake, stream = Polls(workers, waiting, is_playing=False), Polls(workers, playing)
    receiver.attach(stream)
    receiver.attach(handshake)
    for wanted in range(1, 5):
        receiver.wake()
        waiting.wait_until(lambda one, wanted=wanted: len(one.packets) >= wanted)  # type: ignore[misc]
    assert stream.polls <= 1
    receiver.stop()
