"""A few threads for many cameras: each camera's deliveries in order, one at a time, in batches."""

import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

import structlog

from vigie_agent.capture.consumer import PacketConsumer
from vigie_agent.capture.packets import Packet, StreamInfo
from vigie_shared.errors import CaptureError

WAITING_BYTES_MAX: Final = 8 * 1024**2
"""Of one camera: some 16 s at 4 Mbit/s. What comes beyond is dropped up to a keyframe, and counted."""
BATCH_MAX: Final = 32
"""Deliveries handed on in one go: a camera that is behind leaves the worker to others in between."""
STOP_SECONDS_MAX: Final = 5.0

Delivery = StreamInfo | Packet | CaptureError

log = structlog.get_logger(__name__)


class Mailbox:
    """What waits for one consumer."""

    def __init__(
        self,
        consumer: PacketConsumer,
        workers: "Workers",
        on_fault: Callable[[str], None],
        *,
        bytes_max: int = WAITING_BYTES_MAX,
    ) -> None:
        """`on_fault(name)` hears of an error that the consumer raised."""
        self._consumer = consumer
        self._workers = workers
        self._on_fault = on_fault
        self._bytes_max = bytes_max
        self._guard = threading.Lock()
        self._idle = threading.Condition(self._guard)
        self._waiting: deque[Delivery] = deque()
        self._waiting_bytes = 0
        self._is_scheduled = False
        self._is_skipping = False
        self._is_closed = False
        self.dropped_packets = 0
        self.cpu_seconds = 0.0

    @property
    def is_idle(self) -> bool:
        """Whether all was taken."""
        return not self._is_scheduled

    def put(self, deliveries: Iterable[Delivery]) -> bool:
        """Add `deliveries`; True where the workers must be told of it."""
        with self._guard:
            if self._is_closed:
                return False
            for delivery in deliveries:
                if not isinstance(delivery, Packet):
                    self._waiting.append(delivery)
                elif (admitted := self._admitted(delivery)) is not None:
                    self._waiting.append(admitted)
                    self._waiting_bytes += len(delivery.data)
            is_new = bool(self._waiting) and not self._is_scheduled
            self._is_scheduled |= is_new
            return is_new

    def _admitted(self, packet: Packet) -> Packet | None:
        is_full = self._waiting_bytes + len(packet.data) > self._bytes_max
        if is_full or (self._is_skipping and not packet.is_keyframe):
            self._is_skipping = True
            self.dropped_packets += 1
            return None
        if self._is_skipping:
            self._is_skipping = False
            return replace(packet, is_discontinuity=True)
        return packet

    def deliver(self) -> None:
        """Hand on what waits now; on a worker's thread."""
        began = time.thread_time()
        with self._guard:
            batch = [self._waiting.popleft() for _one in range(min(len(self._waiting), BATCH_MAX))]
            self._waiting_bytes -= sum(len(one.data) for one in batch if isinstance(one, Packet))
        try:
            for delivery in batch:
                if self._is_closed:
                    break
                self._hand_on(delivery)
        except Exception as error:  # A fault of our own must not blind a camera for good.
            log.exception("camera failed")
            self._on_fault(type(error).__name__)
        with self._guard:
            self.cpu_seconds += time.thread_time() - began
            self._is_scheduled = bool(self._waiting) and not self._is_closed
            self._idle.notify_all()
            if not self._is_scheduled:
                return
        self._workers.submit([self])

    def _hand_on(self, delivery: Delivery) -> None:
        if isinstance(delivery, Packet):
            self._consumer.on_packet(delivery)
        elif isinstance(delivery, StreamInfo):
            self._consumer.on_stream(delivery)
        else:
            self._consumer.on_lost(delivery)

    def close(self) -> None:
        """Hand on nothing more; waits for the delivery that is going on."""
        with self._guard:
            self._is_closed = True
            self._waiting.clear()
            if not self._idle.wait_for(lambda: not self._is_scheduled, STOP_SECONDS_MAX):
                log.warning("a camera's work does not end; it is left behind")


class Workers:
    """As many threads as the machine has processors: decoding releases Python's lock, little else takes long."""

    def __init__(self, count: int | None = None) -> None:
        self._count = count or max(1, len(os.sched_getaffinity(0)))
        self._ready: queue.SimpleQueue[Mailbox | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin."""
        for number in range(self._count):
            thread = threading.Thread(target=self._work, name=f"watch-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """End; what still waits is not handed on."""
        for _thread in self._threads:
            self._ready.put(None)
        for thread in self._threads:
            thread.join(STOP_SECONDS_MAX)
        self._threads.clear()

    def submit(self, mailboxes: Sequence[Mailbox]) -> None:
        """These have something waiting."""
        for mailbox in mailboxes:
            self._ready.put(mailbox)

    def _work(self) -> None:
        while (mailbox := self._ready.get()) is not None:
            mailbox.deliver()
