"""The agent, put together: cameras → store → uplink (docs/architecture.md, The flow).

```
watching: cameras ─packets→ motion, plates, clips
              │ reads                    │ clips, events
              ↓                          ↓
matching: hotlists ──────────→ keeping: store ──────→ linking: uplink ──→ hub
                                         ↑                     └── signed receipts
                                         └── video: exact bytes of a clip, when the hub asks
viewing: cameras ─packets→ live video, when somebody looks; a light tells of it
```
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

import structlog

from vigie_agent import membership, metrics
from vigie_agent.camera import CameraWatch
from vigie_agent.credentials import Credentials
from vigie_agent.discovery import announced
from vigie_agent.health import Health
from vigie_agent.hotlists import law
from vigie_agent.keeping import opened_store, upkeep
from vigie_agent.keys import load_or_make_agent_key
from vigie_agent.linking import make_uplink
from vigie_agent.matching import hotlists_of
from vigie_agent.settings import AgentSettings
from vigie_agent.store import Store
from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.uplink.leaving import last_events_left
from vigie_agent.uplink.link_file import LinkFile
from vigie_agent.view import show
from vigie_agent.viewing import light_of, looking
from vigie_agent.watching import watched_cameras
from vigie_shared.clock import Clock, SystemClock
from vigie_shared.stopping import stop_signals

log = structlog.get_logger(__name__)


async def run(settings: AgentSettings, *, clock: Clock | None = None, view: bool = False) -> None:
    """Watch until SIGINT or SIGTERM; what was open is finished and stored before it returns.

    `view` shows the cameras on standard output, a terminal.
    """
    clock = clock or SystemClock()
    agent_id, data_dir = settings.agent_id, settings.data_dir
    key = await asyncio.to_thread(load_or_make_agent_key, data_dir)
    async with AsyncExitStack() as stack:
        stop = stack.enter_context(stop_signals())
        non_hits = await asyncio.to_thread(law.obey, settings.law, data_dir, agent_id, clock)
        store = await stack.enter_async_context(opened_store(settings, key, clock))
        lists, desk, looking_back = hotlists_of(settings, store, clock, non_hits)
        member = await asyncio.to_thread(membership.load, data_dir, agent_id)
        if member is not None:
            await asyncio.to_thread(lists.trust, member.hub_key)
        store.record_absence(camera.camera_id for camera in settings.cameras)
        services = await stack.enter_async_context(asyncio.TaskGroup())
        watching = await stack.enter_async_context(AsyncExitStack())
        cameras = await watching.enter_async_context(watched_cameras(settings, desk, store, clock))
        budget = await asyncio.to_thread(LinkBudget, settings.link, clock, LinkFile(data_dir))
        health = _health(settings, store, cameras, clock)
        light = light_of(settings, clock)
        shown = stack.enter_context(looking(settings, cameras, store, budget, light))

        async def serve(credentials: Credentials) -> None:
            await asyncio.to_thread(lists.trust, credentials.membership.hub_key)
            await make_uplink(settings, credentials, store, health, clock, budget, lists, shown).run()

        running = [
            services.create_task(upkeep(settings, store).run(), name="upkeep"),
            services.create_task(looking_back.run(), name="look back"),
            services.create_task(membership.follow(data_dir, agent_id, key, serve), name="uplink"),
            services.create_task(budget.run(), name="link budget"),
            services.create_task(light.run(), name="light"),
        ]
        stack.enter_context(metrics.served(settings.metrics, cameras, store, light.watchers))
        if view:
            running.append(services.create_task(show(cameras, clock, watchers=light.watchers), name="view"))
        if settings.discovery.enabled:
            await stack.enter_async_context(announced(agent_id, key.public_key, settings.discovery.interfaces))
        hub = member.nats_url if member else None
        log.info("ready", agent_id=agent_id, cameras=len(cameras), hub=hub, public_key=key.public_key)
        await stop.wait()
        log.info("stopping: finishing open clips")
        await watching.aclose()
        await last_events_left(store, budget)
        await stop.end(running, lambda names: log.warning("ends late", tasks=names))


def _health(settings: AgentSettings, store: Store, cameras: Sequence[CameraWatch], clock: Clock) -> Health:
    return Health(
        store,
        settings.agent_id,
        settings.data_dir,
        [camera.health for camera in cameras],
        interval_seconds=settings.heartbeat.interval_seconds,
        clips_bytes_max=settings.clips.keep_bytes_max,
        clock=clock,
    )
