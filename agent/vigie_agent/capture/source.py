"""A camera's thread: opens the source, hands on its packets, and comes back after every loss.

```
            first packet                     CaptureError
 starting ───────────────→ streaming ───────────────────────→ lost ──(backoff)──→ starting
                               │ a file that is not looped ends
                               └──────────────────────────────→ over
```
"""

import threading
import time
from collections.abc import Callable
from typing import Final

import av
import structlog

from vigie_agent.camera_settings import CameraSettings
from vigie_agent.capture import reasons
from vigie_agent.capture.address import Address, parse_address
from vigie_agent.capture.consumer import PacketConsumer, SourceStatistics
from vigie_agent.capture.packets import StreamInfo
from vigie_agent.capture.presence import Presence
from vigie_agent.capture.session import Session
from vigie_shared.clock import Clock
from vigie_shared.errors import CaptureError

STOP_SECONDS_MAX: Final = 2.0
"""How long `stop` waits beyond the camera's own timeout."""
_LATE_SECONDS_MAX: Final = 1.0

log = structlog.get_logger(__name__)

av.logging.set_level(None)  # The library's own lines show URLs with their passwords.


class CameraSource:
    """Runs one source on a thread of its own, so that a blocked camera delays no other."""

    def __init__(
        self,
        settings: CameraSettings,
        consumer: PacketConsumer,
        clock: Clock,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        """`wait(seconds)` returns True when the thread should end; the default waits for `stop`."""
        self._settings = settings
        self._address: Address = parse_address(settings.source)
        self._consumer = consumer
        self._clock = clock
        self._quit = threading.Event()
        self._wait = self._quit.wait if wait is None else self._quitting(wait)
        self._pacer = _Pacer(clock, self._wait) if self._address.kind == "file" else None
        self._thread = threading.Thread(target=self.run, name=f"capture-{settings.camera_id}", daemon=True)
        self._cpu_seconds = 0.0
        self._has_b_frames = False
        self._log = log.bind(camera_id=settings.camera_id)
        self._presence = Presence(
            self._address.shown, self._log, settings.reconnect_seconds_min, settings.reconnect_seconds_max
        )

    def _quitting(self, wait: Callable[[float], bool]) -> Callable[[float], bool]:
        def waited(seconds: float) -> bool:
            if wait(seconds):
                self._quit.set()
            return self._quit.is_set()

        return waited

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End and wait for the thread; a camera that hangs is given up after its timeout."""
        self._quit.set()
        if self._thread.ident is not None:
            self._thread.join(self._settings.timeout_seconds + STOP_SECONDS_MAX)
            if self._thread.is_alive():
                self._log.warning("camera hangs; its thread is left behind", source=self._address.shown)

    def statistics(self) -> SourceStatistics:
        """How it fares; FFmpeg does not tell what it lost."""
        return SourceStatistics(
            cpu_seconds=self._cpu_seconds, losses=self._presence.times_lost, has_b_frames=self._has_b_frames
        )

    def run(self) -> None:
        """Play, reconnect, play: until stopped, or a file has ended."""
        while not self._quit.is_set():
            try:
                self._play()
            except CaptureError as error:
                self._lose(error)
            except Exception as error:  # A fault of our own must not blind a camera for good.
                self._log.exception("camera failed")
                self._lose(CaptureError(f"{self._address.shown}: {type(error).__name__}"))
            else:
                if not self._settings.loop or self._quit.is_set():
                    break
                self._presence.play_again()
                continue
            if self._wait(self._presence.next_try_seconds()):
                break
        if not self._quit.is_set():
            self._consumer.on_end()

    def _play(self) -> None:
        """One run through the source; returns where a file ends, or when stopped."""
        presence = self._presence
        with Session(self._address, self._settings.timeout_seconds, self._settings.transport) as session:
            for raw in session.packets():
                if self._quit.is_set():
                    return
                if session.info is not None and (session.info != presence.stream or presence.is_lost):
                    self._begin(session.info)
                if self._pacer is not None and self._pacer.hold(presence.position_of(raw)):
                    return
                self._consumer.on_packet(presence.stamp(raw, self._clock.now()))
                self._has_b_frames |= raw.pts is not None and raw.dts is not None and raw.pts != raw.dts
                self._cpu_seconds = time.thread_time()
        if self._address.kind != "file":
            raise reasons.ended(self._address.shown)

    def _begin(self, stream: StreamInfo) -> None:
        self._presence.begin(stream, self._clock.monotonic_seconds())
        self._consumer.on_stream(stream)

    def _lose(self, error: CaptureError) -> None:
        if self._presence.lose(str(error), self._clock.monotonic_seconds()):
            self._consumer.on_lost(error)


class _Pacer:
    """Lets a file's packets through in real time."""

    def __init__(self, clock: Clock, wait: Callable[[float], bool]) -> None:
        self._clock = clock
        self._wait = wait
        self._ahead_seconds: float | None = None

    def hold(self, position_seconds: float) -> bool:
        """Wait until `position_seconds` is due; True when told to stop meanwhile."""
        now_seconds = self._clock.monotonic_seconds()
        if self._ahead_seconds is None:
            self._ahead_seconds = position_seconds - now_seconds
        due_seconds = position_seconds - self._ahead_seconds - now_seconds
        if due_seconds < -_LATE_SECONDS_MAX:
            self._ahead_seconds = position_seconds - now_seconds
        return due_seconds > 0 and self._wait(due_seconds)
