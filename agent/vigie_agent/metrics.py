"""Figures for Prometheus: how cameras and store fare, on a port of this machine; cameras by id, nothing by name."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import structlog
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from vigie_agent.camera import CameraWatch
from vigie_agent.settings import MetricsSettings
from vigie_agent.store import Store
from vigie_shared.errors import SettingsError, StoreError
from vigie_shared.i18n import gettext as _

log = structlog.get_logger(__name__)


class AgentCollector(Collector):
    """Asks cameras and store when Prometheus asks."""

    def __init__(
        self, cameras: Sequence[CameraWatch], store: Store, watchers: Callable[[], Mapping[str, int]] = dict
    ) -> None:
        self._cameras = cameras
        self._store = store
        self._watchers = watchers

    def collect(self) -> Iterator[Metric]:
        """All figures, as they are now."""
        yield from self._health()
        yield from self._reception()
        yield from self._kept()

    def _health(self) -> Iterator[Metric]:
        streaming = GaugeMetricFamily("vigie_camera_streaming", "1 while video comes.", labels=["camera"])
        frames = GaugeMetricFamily("vigie_camera_frames_per_second", "Frames that come.", labels=["camera"])
        rate = GaugeMetricFamily("vigie_camera_kbps", "Kilobits a second that come.", labels=["camera"])
        moving = GaugeMetricFamily("vigie_camera_moving", "1 while something moves.", labels=["camera"])
        for camera in self._cameras:
            health, labels = camera.health(), [camera.camera_id]
            streaming.add_metric(labels, health.state == "streaming")
            frames.add_metric(labels, health.frames_per_second)
            rate.add_metric(labels, health.kbps)
            moving.add_metric(labels, health.moving)
        yield from (streaming, frames, rate, moving)
        watched = GaugeMetricFamily("vigie_watchers", "People who watch it live now.", labels=["camera"])
        watchers = self._watchers()
        for camera in self._cameras:
            watched.add_metric([camera.camera_id], watchers.get(camera.camera_id, 0))
        yield watched

    def _reception(self) -> Iterator[Metric]:
        families = {
            "cpu_seconds": CounterMetricFamily(
                "vigie_camera_cpu_seconds", "Processor time of receiving and watching.", labels=["camera"]
            ),
            "losses": CounterMetricFamily("vigie_camera_losses", "How often it was lost.", labels=["camera"]),
            "lost_packets": CounterMetricFamily(
                "vigie_camera_lost_packets", "RTP packets that never came.", labels=["camera"]
            ),
            "lost_pictures": CounterMetricFamily(
                "vigie_camera_lost_pictures", "Pictures lost with them.", labels=["camera"]
            ),
            "dropped_packets": CounterMetricFamily(
                "vigie_camera_dropped_packets", "Pictures that watching was too slow for.", labels=["camera"]
            ),
        }
        for camera in self._cameras:
            statistics = camera.reception()
            for name, family in families.items():
                family.add_metric([camera.camera_id], getattr(statistics, name))
        yield from families.values()

    def _kept(self) -> Iterator[Metric]:
        try:
            counts = self._store.counts()
        except StoreError as error:
            log.warning("the store does not tell what it holds", reason=str(error))
            yield GaugeMetricFamily("vigie_store_up", "1 while the store answers.", 0)
            return
        yield GaugeMetricFamily("vigie_store_up", "1 while the store answers.", 1)
        yield GaugeMetricFamily("vigie_clips", "Clips kept.", counts.clips)
        yield GaugeMetricFamily("vigie_clips_bytes", "Bytes of clips kept.", counts.clips_bytes)
        yield CounterMetricFamily("vigie_motions", "Motions noticed.", counts.motion_events)
        yield CounterMetricFamily("vigie_plate_reads", "Plates read.", counts.plate_reads)


@contextlib.contextmanager
def served(
    settings: MetricsSettings,
    cameras: Sequence[CameraWatch],
    store: Store,
    watchers: Callable[[], Mapping[str, int]] = dict,
) -> Iterator[int | None]:
    """Answer Prometheus on a thread of its own; gives the port, None where no port is set. Raises SettingsError.

    `watchers` counts, by camera, the people who watch live.
    """
    if settings.port is None:
        yield None
        return
    registry = CollectorRegistry()
    registry.register(AgentCollector(cameras, store, watchers))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    try:
        server, thread = start_http_server(settings.port, settings.address, registry)
    except OSError as error:
        raise SettingsError(
            _("metrics cannot be served on {address}:{port} ({reason}): choose another port").format(
                address=settings.address, port=settings.port, reason=error.strerror
            )
        ) from error
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
