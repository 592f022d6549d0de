"""One thread that receives from all RTSP cameras: it looks at each five times a second.

Waking per packet costs more than the packets: 200 ms of a camera come in one or two reads. Only conversations that
have not reached PLAY are woken for, so that a camera is there at once.
"""

import contextlib
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from vigie_agent.capture.connection import READ_BYTES
from vigie_agent.capture.workers import Mailbox, Workers

POLL_SECONDS: Final = 0.2
STOP_SECONDS_MAX: Final = 5.0

log = structlog.get_logger(__name__)


class Polled(Protocol):
    """A source that the receiver looks after; both calls are on its thread and must not wait."""

    mailbox: Mailbox

    @property
    def is_playing(self) -> bool:
        """Whether it need not be woken for."""
        ...

    def poll(self, receiver: "Receiver") -> bool:
        """Do what can be done now; True where the mailbox has something new."""
        ...

    def close(self) -> None:
        """Free what is open."""
        ...


class Receiver:
    """The thread and its selector."""

    def __init__(self, workers: Workers, *, poll_seconds: float = POLL_SECONDS) -> None:
        self._workers = workers
        self._poll_seconds = poll_seconds
        self._thread = threading.Thread(target=self._run, name="receive", daemon=True)
        self._sources: list[Polled] = []
        self._commands: deque[Callable[[], None]] = deque()
        self._is_stopping = False
        self._wake_to, self._wake_from = socket.socketpair()
        self._wake_to.setblocking(False)
        self._wake_from.setblocking(False)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self._wake_from, selectors.EVENT_READ)
        self.buffer = memoryview(bytearray(READ_BYTES))
        self.late_seconds_max = 0.0
        """The worst delay of a look since it was last set to 0."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; all sources have been detached before."""
        self._is_stopping = True
        self.wake()
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS_MAX)
        self.selector.close()
        self._wake_to.close()
        self._wake_from.close()

    def wake(self) -> None:
        """Look now; from any thread."""
        try:
            self._wake_to.send(b"\x00")
        except OSError:
            return  # It is awake, or gone.

    def attach(self, source: Polled) -> None:
        """Look after `source` from now on."""
        self._commands.append(lambda: self._sources.append(source))
        self.wake()

    def detach(self, source: Polled) -> None:
        """Let go of `source`, closed; returns when that is done."""
        done = threading.Event()

        def let_go() -> None:
            if source in self._sources:
                self._sources.remove(source)
            source.close()
            done.set()

        if threading.current_thread() is self._thread or not self._thread.is_alive():
            let_go()
            return
        self._commands.append(let_go)
        self.wake()
        if not done.wait(STOP_SECONDS_MAX):
            log.error("the receiving thread hangs")

    def _run(self) -> None:
        due_seconds = time.monotonic()
        while not self._is_stopping:
            is_called = bool(self.selector.select(max(0.0, due_seconds - time.monotonic())))
            now_seconds = time.monotonic()
            if now_seconds >= due_seconds:
                self.late_seconds_max = max(self.late_seconds_max, now_seconds - due_seconds)
                due_seconds = max(due_seconds + self._poll_seconds, now_seconds)
                self._look(self._sources)
            elif is_called:
                self._listen()

    def _listen(self) -> None:
        """Somebody called between two looks: a command, or a camera that has not reached PLAY."""
        with contextlib.suppress(BlockingIOError):
            self._wake_from.recv(4096)
        while self._commands:
            self._commands.popleft()()
        self._look([source for source in self._sources if not source.is_playing])

    def _look(self, sources: list[Polled]) -> None:
        ready = []
        for source in list(sources):
            if source.poll(self):
                ready.append(source.mailbox)
        self._workers.submit(ready)
