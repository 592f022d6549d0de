"""A camera received by our own RTSP client, on the receiver's thread; its consumer works on the workers'.

```
            first keyframe                  any error
 trying ──────────────────→ streaming ─────────────────→ lost ──(backoff)──→ trying
   └── a stream that our client does not know ──→ FFmpeg, on a thread of its own, from then on
```
"""

import socket
import time
from collections.abc import Callable
from typing import Final

import structlog

from vigie_agent.camera_settings import CameraSettings
from vigie_agent.capture import reasons
from vigie_agent.capture.address import Address, parse_address
from vigie_agent.capture.connection import Connection, StreamEndedError, UnknownHostError
from vigie_agent.capture.consumer import PacketConsumer, Source, SourceStatistics
from vigie_agent.capture.packets import StreamInfo
from vigie_agent.capture.presence import Presence
from vigie_agent.capture.receiver import Receiver
from vigie_agent.capture.stream import RtspStream
from vigie_agent.capture.workers import Delivery, Mailbox, Workers
from vigie_agent.rtsp.errors import LoginError, MissingStreamError, RtspError, UnsupportedError
from vigie_agent.rtsp.location import Location
from vigie_agent.rtsp.pictures import Losses, Picture
from vigie_shared.clock import Clock
from vigie_shared.errors import CaptureError

UNDECODABLE_SECONDS_MAX: Final = 60.0
"""Packets without one whole picture for so long are no stream."""

log = structlog.get_logger(__name__)


class RtspSource:
    """One camera from `start` to `stop`."""

    def __init__(
        self,
        settings: CameraSettings,
        consumer: PacketConsumer,
        clock: Clock,
        receiver: Receiver,
        workers: Workers,
        fall_back: Callable[[], Source],
    ) -> None:
        """`fall_back` makes the source that takes over where this one meets what it does not know."""
        self._settings = settings
        self._address: Address = parse_address(settings.source)
        self._clock = clock
        self._receiver = receiver
        self._fall_back = fall_back
        self._other: Source | None = None
        self._connection: Connection | None = None
        self._attempts = 0
        self._due_seconds = 0.0
        self._heard = _Heard(0.0)
        self._stream: RtspStream | None = None
        self._consumer_fault: str | None = None
        self._is_stopped = False
        self._counted = Losses()
        self._cpu_seconds = 0.0
        self._log = log.bind(camera_id=settings.camera_id)
        self._presence = Presence(
            self._address.shown, self._log, settings.reconnect_seconds_min, settings.reconnect_seconds_max
        )
        self.mailbox = Mailbox(consumer, workers, self._consumer_failed)

    # What the owner calls.

    def start(self) -> None:
        """Begin."""
        self._receiver.attach(self)

    def stop(self) -> None:
        """End; the consumer hears nothing afterwards."""
        self._is_stopped = True
        self._receiver.detach(self)
        self.mailbox.close()
        if self._other is not None:
            self._other.stop()

    def statistics(self) -> SourceStatistics:
        """How it fares."""
        if self._other is not None:
            return self._other.statistics()
        stream, losses = self._stream, self._losses()
        return SourceStatistics(
            path="vigie",
            cpu_seconds=self._cpu_seconds + self.mailbox.cpu_seconds,
            losses=self._presence.times_lost,
            lost_packets=losses.packets,
            lost_pictures=losses.pictures,
            dropped_packets=self.mailbox.dropped_packets,
            has_b_frames=stream is not None and stream.has_b_frames,
        )

    # What the receiver calls, on its thread.

    @property
    def is_playing(self) -> bool:
        """Whether it need not be woken for."""
        return self._connection is not None and self._connection.client.step == "playing"

    def poll(self, receiver: Receiver) -> bool:
        """Take what came; reconnect where that is due."""
        now_seconds = self._clock.monotonic_seconds()
        if self._connection is None and (now_seconds < self._due_seconds or not self.mailbox.is_idle):
            return False
        began = time.thread_time()
        try:
            deliveries = self._advance(receiver, now_seconds)
        except UnsupportedError as error:
            self._hand_over(error)
            return False
        except (RtspError, OSError, CaptureError) as error:
            deliveries = self._lose(self._explained(error), now_seconds)
        except Exception as error:  # A fault of our own must not blind a camera for good.
            self._log.exception("camera failed")
            deliveries = self._lose(CaptureError(f"{self._address.shown}: {type(error).__name__}"), now_seconds)
        self._cpu_seconds += time.thread_time() - began
        return self.mailbox.put(deliveries)

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._counted = self._losses()
            self._connection.close()
            self._connection = None

    def _advance(self, receiver: Receiver, now_seconds: float) -> list[Delivery]:
        if self._consumer_fault is not None:
            name, self._consumer_fault = self._consumer_fault, None
            raise CaptureError(f"{self._address.shown}: {name}")
        if self._connection is None:
            location = Location.parse(self._address.url)
            self._connection = Connection(location, receiver.selector, receiver.wake, attempt=self._attempts)
            self._attempts += 1
            self._heard = _Heard(now_seconds)
        pictures = self._connection.advance(now_seconds, receiver.buffer)
        self._check(now_seconds, self._connection, pictures)
        return self._delivered(self._connection, pictures, now_seconds) if pictures else []

    def _check(self, now_seconds: float, connection: Connection, pictures: list[Picture]) -> None:
        """Raise where the camera sends nothing, or nothing of use."""
        depacketiser, heard = connection.client.depacketiser, self._heard
        packets = depacketiser.packets if depacketiser is not None else 0
        if packets != heard.packets:
            heard.packets, heard.packet_seconds = packets, now_seconds
        if pictures:
            heard.picture_seconds = now_seconds
        if now_seconds - heard.packet_seconds > self._settings.timeout_seconds:
            raise reasons.silent(self._address.shown)
        if now_seconds - heard.picture_seconds > UNDECODABLE_SECONDS_MAX:
            raise reasons.no_picture(self._address.shown)

    def _delivered(self, connection: Connection, pictures: list[Picture], now_seconds: float) -> list[Delivery]:
        if self._heard.stream is None:
            assert connection.client.track is not None, "pictures come after SETUP"
            self._stream = self._heard.stream = RtspStream(connection.client.track)
        arrived_at, report = self._clock.now(), connection.client.report
        deliveries: list[Delivery] = []
        for picture in pictures:
            raw = self._heard.stream.packet(picture, report)
            info = self._heard.stream.info
            if info is None:
                continue
            if info != self._presence.stream or not self._heard.has_begun:
                self._begin(info, now_seconds)
                deliveries.append(info)
            deliveries.append(self._presence.stamp(raw, arrived_at))
        return deliveries

    def _begin(self, info: StreamInfo, now_seconds: float) -> None:
        self._heard.has_begun = True
        self._presence.begin(info, now_seconds)

    def _lose(self, error: CaptureError, now_seconds: float) -> list[Delivery]:
        self.close()
        self._due_seconds = now_seconds + self._presence.next_try_seconds()
        return [error] if self._presence.lose(str(error), now_seconds) else []

    def _hand_over(self, error: UnsupportedError) -> None:
        self.close()
        self._due_seconds = float("inf")
        self._log.info("camera is left to FFmpeg", source=self._address.shown, reason=str(error))
        if not self._is_stopped:
            self._other = self._fall_back()
            self._other.start()

    def _consumer_failed(self, name: str) -> None:
        self._consumer_fault = name

    def _losses(self) -> Losses:
        depacketiser = self._connection.client.depacketiser if self._connection is not None else None
        now = depacketiser.losses if depacketiser is not None else Losses()
        counted = self._counted
        return Losses(counted.packets + now.packets, counted.pictures + now.pictures, counted.malformed + now.malformed)

    def _explained(self, error: Exception) -> CaptureError:
        """One line: what, where, what to do."""
        source = self._address.shown
        if isinstance(error, CaptureError):
            return error
        if isinstance(error, LoginError):
            return reasons.login_refused(source)
        if isinstance(error, MissingStreamError):
            return reasons.no_such_stream(source)
        if isinstance(error, StreamEndedError):
            return reasons.ended(source)
        if isinstance(error, ConnectionRefusedError):
            return reasons.connection_refused(source)
        if isinstance(error, UnknownHostError):
            return reasons.unknown_host(source)
        if isinstance(error, TimeoutError):
            return reasons.silent(source)
        if isinstance(error, OSError) and not isinstance(error, socket.gaierror):
            return reasons.no_video(source, error.strerror or type(error).__name__)
        return reasons.no_video(source, f"RTSP: {error}")


class _Heard:
    """What one connection has brought."""

    def __init__(self, now_seconds: float) -> None:
        self.packets = 0
        self.packet_seconds = now_seconds
        self.picture_seconds = now_seconds
        self.stream: RtspStream | None = None
        self.has_begun = False
