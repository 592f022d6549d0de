"""The agent, put together: cameras → store → uplink (docs/architecture.md, The flow).

```
cameras ─packets→ motion, plates, clips ──→ store ──→ uplink ──→ hub
                                              ↑          └── signed receipts
                                              └── video: exact bytes of a clip, when the hub asks
```
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import structlog

from vigie_agent import membership, metrics
from vigie_agent.camera import CameraWatch
from vigie_agent.camera_settings import CameraSettings, PlateSettings
from vigie_agent.capture.ingest import Ingest
from vigie_agent.credentials import Credentials
from vigie_agent.discovery import announced
from vigie_agent.health import Health
from vigie_agent.hotlists import law
from vigie_agent.hotlists.desk import HitDesk
from vigie_agent.hotlists.fetcher import HotlistFetcher
from vigie_agent.hotlists.lists import Hotlists
from vigie_agent.hotlists.look_back import LookBack
from vigie_agent.hotlists.non_hits import NonHits
from vigie_agent.keys import AgentKey, HubKey, load_or_make_agent_key
from vigie_agent.motion.budget import DecodeBudget
from vigie_agent.motion.decoder import KeyframeDecoder
from vigie_agent.plates.pipeline import PlateReader
from vigie_agent.plates.pipeline import PlateSettings as ReadingSettings
from vigie_agent.plates.vote import VoteSettings
from vigie_agent.settings import AgentSettings
from vigie_agent.store import Store, Upkeep
from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.uplink.commands import CommandDesk
from vigie_agent.uplink.connection import Connection
from vigie_agent.uplink.heartbeat import HeartbeatSender
from vigie_agent.uplink.leaving import last_events_left
from vigie_agent.uplink.link_file import LinkFile
from vigie_agent.uplink.outbox import Outbox
from vigie_agent.uplink.publisher import Publisher
from vigie_agent.uplink.receipts import ReceiptDesk
from vigie_agent.uplink.renewal import Renewal
from vigie_agent.uplink.uplink import Uplink
from vigie_agent.video.answerer import Answerer
from vigie_agent.view import show
from vigie_shared.clock import Clock, SystemClock
from vigie_shared.errors import ModelError, SettingsError
from vigie_shared.stopping import stop_signals

log = structlog.get_logger(__name__)


async def run(settings: AgentSettings, *, clock: Clock | None = None, view: bool = False) -> None:
    """Watch until SIGINT or SIGTERM; what was open is finished and stored before it returns.

    `view` shows the cameras on standard output, a terminal.
    """
    clock = clock or SystemClock()
    key = await asyncio.to_thread(load_or_make_agent_key, settings.data_dir)
    async with contextlib.AsyncExitStack() as stack:
        stop = stack.enter_context(stop_signals())
        non_hits = await asyncio.to_thread(law.obey, settings.law, settings.data_dir, settings.agent_id, clock)
        store = await stack.enter_async_context(opened_store(settings, key, clock))
        lists, desk, looking_back = hotlists_of(settings, store, clock, non_hits)
        member = await asyncio.to_thread(membership.load, settings.data_dir, settings.agent_id)
        if member is not None:
            await asyncio.to_thread(lists.trust, member.hub_key)
        store.record_absence(camera.camera_id for camera in settings.cameras)
        services = await stack.enter_async_context(asyncio.TaskGroup())
        watching = await stack.enter_async_context(contextlib.AsyncExitStack())
        cameras = await watching.enter_async_context(_watched_cameras(settings, desk, store, clock))
        budget = await asyncio.to_thread(LinkBudget, settings.link, clock, LinkFile(settings.data_dir))
        health = Health(
            store,
            settings.agent_id,
            settings.data_dir,
            [camera.health for camera in cameras],
            interval_seconds=settings.heartbeat.interval_seconds,
            clips_bytes_max=settings.clips.keep_bytes_max,
            clock=clock,
        )
        running = [services.create_task(_upkeep(settings, store).run(), name="upkeep")]
        running.append(services.create_task(looking_back.run(), name="look back"))

        async def serve(credentials: Credentials) -> None:
            await asyncio.to_thread(lists.trust, credentials.membership.hub_key)
            await make_uplink(settings, credentials, store, health, clock, budget, lists).run()

        following = membership.follow(settings.data_dir, settings.agent_id, key, serve)
        running.append(services.create_task(following, name="uplink"))
        running.append(services.create_task(budget.run(), name="link budget"))
        stack.enter_context(metrics.served(settings.metrics, cameras, store))
        if view:
            running.append(services.create_task(show(cameras, clock), name="view"))
        if settings.discovery.enabled:
            await stack.enter_async_context(announced(settings.agent_id, key.public_key, settings.discovery.interfaces))
        log.info(
            "ready",
            agent_id=settings.agent_id,
            cameras=len(cameras),
            hub=member.nats_url if member else None,
            public_key=key.public_key,
        )
        await stop.wait()
        log.info("stopping: finishing open clips")
        await watching.aclose()
        await last_events_left(store, budget)
        for task in running:
            task.cancel()


@contextlib.asynccontextmanager
async def opened_store(settings: AgentSettings, key: AgentKey, clock: Clock) -> AsyncIterator[Store]:
    """The agent's store, closed at the end, whatever ends it."""
    store = await asyncio.to_thread(
        Store,
        settings.data_dir,
        settings.agent_id,
        keep_bytes_max=settings.clips.keep_bytes_max,
        clock=clock,
        sign=key.sign,
        free_bytes_min=settings.store.free_bytes_min,
        classes=settings.store.classes(),
    )
    try:
        yield store
    finally:
        await asyncio.shield(asyncio.to_thread(store.close))


@contextlib.asynccontextmanager
async def _watched_cameras(
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


def _upkeep(settings: AgentSettings, store: Store) -> Upkeep:
    return Upkeep(
        store,
        keep_sent=timedelta(hours=settings.store.keep_sent_hours),
        keep_crops=timedelta(days=settings.store.keep_crops_days),
    )


def hotlists_of(
    settings: AgentSettings, store: Store, clock: Clock, non_hits: NonHits | None = None
) -> tuple[Hotlists, HitDesk, LookBack]:
    """The lists that are followed, the desk where reads are matched with them, and what looks through older reads."""
    asked = settings.hotlists
    lists = Hotlists(settings.data_dir, asked.lists, clock, asked.check_only_hours * 3600)
    desk = HitDesk(store, lists, clock, non_hits)
    looking_back = LookBack(
        settings.data_dir,
        lists,
        desk,
        store,
        clock,
        hours=asked.look_back_hours,
        reads_max=asked.look_back_reads_max,
        non_hits=non_hits,
    )
    return lists, desk, looking_back


def _fetcher(settings: AgentSettings, lists: Hotlists, budget: LinkBudget, clock: Clock) -> HotlistFetcher:
    return HotlistFetcher(lists, budget, clock, look_seconds=settings.hotlists.look_seconds)


def make_uplink(
    settings: AgentSettings,
    credentials: Credentials,
    store: Store,
    health: Health,
    clock: Clock,
    budget: LinkBudget | None = None,
    lists: Hotlists | None = None,
) -> Uplink:
    """Everything that needs the hub, ready to run; all that leaves asks `budget`."""
    agent_id, limits = settings.agent_id, settings.uplink
    budget = budget or LinkBudget(settings.link, clock)
    outbox = Outbox(limits.flights_max)
    receipts = ReceiptDesk(
        store,
        agent_id,
        HubKey(credentials.membership.hub_key),
        outbox,
        ask_seconds=limits.ask_seconds,
        budget=budget,
    )
    renewal = Renewal(credentials, clock)
    publisher = Publisher(store, agent_id, outbox, limits, clock, budget)
    heartbeats = HeartbeatSender(health.heartbeat, budget)
    return Uplink(
        Connection(credentials, reconnect_seconds_max=limits.reconnect_seconds_max, refused=renewal.refused),
        publisher,
        receipts,
        services=[
            renewal.run,
            heartbeats.run,
            CommandDesk(agent_id, store, budget, heartbeats.say_all).run,
            lambda client: Answerer(client, agent_id, store, on_taken=store.note_pulled, budget=budget).run(),
            *([] if lists is None else [_fetcher(settings, lists, budget, clock).run]),
        ],
        budget=budget,
    )
