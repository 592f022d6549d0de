"""Cameras put together: each with what receives, watches and records it, and its plate reader."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog

from vigie_agent.camera import CameraWatch
from vigie_agent.camera_settings import CameraSettings, PlateSettings
from vigie_agent.capture.ingest import Ingest
from vigie_agent.hotlists.desk import HitDesk
from vigie_agent.motion.budget import DecodeBudget
from vigie_agent.motion.decoder import KeyframeDecoder
from vigie_agent.plates.pipeline import PlateReader
from vigie_agent.plates.pipeline import PlateSettings as ReadingSettings
from vigie_agent.plates.vote import VoteSettings
from vigie_agent.settings import AgentSettings
from vigie_agent.store import Store
from vigie_shared.clock import Clock
from vigie_shared.errors import ModelError, SettingsError

log = structlog.get_logger(__name__)


@contextlib.asynccontextmanager
async def watched_cameras(
    settings: AgentSettings, desk: HitDesk, store: Store, clock: Clock
) -> AsyncIterator[list[CameraWatch]]:
    """All cameras that can be, started; a setting that one camera cannot work with stops that camera only."""
    budget, keyframes = DecodeBudget(settings.motion.full_decodes_max), KeyframeDecoder()
    with Ingest() as ingest:
        cameras = []
        for camera in settings.cameras:
            try:
                observer = await asyncio.to_thread(_plate_reader, settings, camera)
                watch = CameraWatch(
                    camera,
                    settings.motion,
                    settings.clips,
                    settings.plates,
                    sink=desk,
                    clock=clock,
                    observer=observer,
                    ingest=ingest,
                    on_segment=store.keep_segment,
                    budget=budget,
                    keyframes=keyframes,
                )
            except SettingsError as error:
                log.error("camera not watched", camera_id=camera.camera_id, reason=str(error))
                continue
            watch.start()
            cameras.append(watch)
        try:
            yield cameras
        finally:
            await asyncio.shield(asyncio.gather(*(asyncio.to_thread(camera.stop) for camera in cameras)))


def _plate_reader(settings: AgentSettings, camera: CameraSettings) -> PlateReader | None:
    """A camera's own plate reader; None where plates are not read there."""
    if not (settings.plates.enabled and camera.read_plates):
        return None
    try:
        reader = PlateReader(reading_settings(settings.plates))
    except ModelError as error:
        log.error("plates are not read", camera_id=camera.camera_id, reason=str(error))
        return None
    log.info("plates are read", camera_id=camera.camera_id, models=reader.models)
    return reader


def reading_settings(plates: PlateSettings) -> ReadingSettings:
    """What `[plates]` asks of a plate reader."""
    return ReadingSettings(
        frames_per_second=plates.frames_per_second_max,
        reads_per_second=plates.reads_per_second_max,
        kinds=plates.kinds,
        weights=plates.weights,
        vote=VoteSettings(certain_from=plates.confidence_min),
    )
