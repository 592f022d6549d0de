"""Health: how this box fares, as its heartbeat tells it."""

import os
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

import structlog

from vigie_agent.logs import FaultLog
from vigie_agent.store import Counts, Store
from vigie_shared.clock import Clock
from vigie_shared.errors import StoreError
from vigie_shared.events import Lane
from vigie_shared.heartbeats import CameraHealth, Heartbeat

log = structlog.get_logger(__name__)

VERSION: Final = version("vigie-agent")

_FAULT_CHARS_MAX: Final = 200
CameraReport = Callable[[], CameraHealth]


class Health:
    """Builds heartbeats; blocks, so call it in a thread."""

    def __init__(
        self,
        store: Store,
        agent_id: str,
        data_dir: Path,
        cameras: Sequence[CameraReport],
        *,
        interval_seconds: float,
        clips_bytes_max: int | None = None,
        clock: Clock,
    ) -> None:
        self._store = store
        self._agent_id = agent_id
        self._data_dir = data_dir
        self._cameras = cameras
        self._interval_seconds = interval_seconds
        self._clips_bytes_max = clips_bytes_max
        self._clock = clock
        self._disk_fault = FaultLog(log)
        self._counts = Counts(0, 0, 0, 0)
        self._newest: dict[Lane, int] = {}

    def heartbeat(self) -> Heartbeat:
        """How things are now; of a store that cannot be read, what was last known, and that it cannot."""
        fault = self._store.fault
        try:
            self._counts, self._newest = self._store.counts(), self._store.newest()
        except StoreError as error:
            fault = fault or str(error)
        return Heartbeat(
            agent_id=self._agent_id,
            epoch=self._store.epoch,
            version=VERSION,
            at=self._clock.now(),
            interval_seconds=self._interval_seconds,
            cameras=tuple(report() for report in self._cameras),
            newest=self._newest,
            clips_kept=self._counts.clips,
            clips_bytes=self._counts.clips_bytes,
            clips_bytes_max=self._clips_bytes_max,
            disk_free_bytes=self._disk_free_bytes(),
            store_fault=fault[:_FAULT_CHARS_MAX] if fault else None,
        )

    def _disk_free_bytes(self) -> int | None:
        """None where the disk cannot be asked, which is an alarm."""
        try:
            disk = os.statvfs(self._data_dir)
        except OSError as error:
            self._disk_fault.report("the disk cannot be asked for its free space", reason=error.strerror)
            return None
        self._disk_fault.clear("the disk answers again")
        return disk.f_bavail * disk.f_frsize
