"""An agent's store and whole uplink beside a hub's `Site`, without cameras."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.agent.store.samples import open_store
from tests.hub.members import membership
from tests.hub.site import Site
from vigie_agent.credentials import Credentials
from vigie_agent.health import Health
from vigie_agent.keys import AgentKey
from vigie_agent.linking import make_uplink
from vigie_agent.settings import AgentSettings
from vigie_agent.store import Store
from vigie_agent.store.check import broken
from vigie_shared.batches import SCHEMA
from vigie_shared.clock import SystemClock

AGENT = "edge"
CLOCK = SystemClock()


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Store]:
    """The agent's store; in the end it is sound."""
    store = await asyncio.to_thread(open_store, folder)
    try:
        yield store
    finally:
        assert await asyncio.to_thread(store._reader.ask, broken) == []
        await asyncio.to_thread(store.close)


@asynccontextmanager
async def linked(site: Site, store: Store, folder: Path, *, schema_max: int = SCHEMA) -> AsyncIterator[None]:
    """The agent's whole uplink runs; it writes batches of versions up to `schema_max`."""
    settings = AgentSettings.model_validate(
        {
            "agent_id": AGENT,
            "data_dir": folder,
            "uplink": {"ask_seconds": 0.2, "linger_seconds": 0, "batch_events_max": 20},
        }
    )
    (agent,) = site.agents
    member = await asyncio.to_thread(membership, site.settings, site.keys, AGENT, agent.key.public_key)
    credentials = Credentials(folder, AgentKey(agent.key.seed), member.model_copy(update={"nats_url": site.server.url}))
    health = Health(store, AGENT, folder, [], interval_seconds=60, clock=CLOCK)
    running = asyncio.create_task(make_uplink(settings, credentials, store, health, CLOCK, schema_max=schema_max).run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def all_receipted(store: Store) -> bool:
    """Whether the hub has signed for all that was recorded."""
    return await asyncio.to_thread(lambda: store.receipted() == store.newest())
