"""All that receiving needs for a whole agent: one receiver, a few workers; and which source suits a camera."""

from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from vigie_agent.camera_settings import CameraSettings
from vigie_agent.capture.address import parse_address
from vigie_agent.capture.consumer import PacketConsumer, Source
from vigie_agent.capture.receiver import POLL_SECONDS, Receiver
from vigie_agent.capture.rtsp_source import RtspSource
from vigie_agent.capture.source import CameraSource
from vigie_agent.capture.workers import Workers
from vigie_shared.clock import Clock

_OURS: Final = "rtsp://"


class Ingest:
    """Receives for all cameras between `__enter__` and `__exit__`; sources stop before it does."""

    def __init__(self, *, poll_seconds: float = POLL_SECONDS, workers: int | None = None) -> None:
        self.workers = Workers(workers)
        self.receiver = Receiver(self.workers, poll_seconds=poll_seconds)

    def __enter__(self) -> Self:
        self.workers.start()
        self.receiver.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.receiver.stop()
        self.workers.stop()


def open_source(
    camera: CameraSettings,
    consumer: PacketConsumer,
    clock: Clock,
    *,
    ingest: Ingest | None = None,
    wait: Callable[[float], bool] | None = None,
) -> Source:
    """The source that suits `camera`: our own RTSP client where it can, else PyAV on a thread.

    Without `ingest` it is always the latter. Raises SettingsError for a source that cannot be.
    """
    address = parse_address(camera.source)

    def through_ffmpeg() -> CameraSource:
        return CameraSource(camera, consumer, clock, wait)

    if ingest is None or camera.transport != "tcp" or not address.url.lower().startswith(_OURS):
        return through_ffmpeg()
    return RtspSource(camera, consumer, clock, ingest.receiver, ingest.workers, through_ffmpeg)
