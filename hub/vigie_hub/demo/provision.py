"""Before the demo's processes start: keys, settings, a password, a hotlist, and who may say what on the bus."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from vigie_hub import users
from vigie_hub.bus.configuration import NatsConfiguration
from vigie_hub.bus.server import find_nats_server
from vigie_hub.database import Database
from vigie_hub.demo.scenes import SCENES, Camera
from vigie_hub.demo.world import USER, World, agent_toml, hub_toml, vigie
from vigie_hub.fleet.enrolment import enrol, enrolled_keys
from vigie_hub.hotlists import entries
from vigie_hub.keys import HubKeys
from vigie_hub.settings import HubSettings
from vigie_shared.clock import SystemClock
from vigie_shared.i18n import gettext as _

WANTED_AGENT: Final = "crossing"
"""The agent at whose camera the wanted plate passes."""


async def provision(world: World, cameras: Sequence[Camera]) -> Path:
    """Make all that the processes need; returns the nats-server to start."""
    keys = await asyncio.gather(*(_agent_key(world, scene.agent_id) for scene in SCENES))
    agents = {scene.agent_id: key for scene, key in zip(SCENES, keys, strict=True)}
    await asyncio.to_thread(_provision_hub, world, agents, wanted_plate(cameras))
    hub_key = HubKeys(world.data("hub")).receipts.public_key
    for agent_id in agents:
        own = [camera for camera in cameras if camera.agent_id == agent_id]
        world.agent_settings(agent_id).write_text(agent_toml(world, agent_id, hub_key, own), encoding="utf-8")
    return find_nats_server()


def wanted_plate(cameras: Sequence[Camera]) -> str:
    """The plate for the hotlist: the second vehicle that passes, so that there is a before and an after."""
    plates = next(camera.plates for camera in cameras if camera.agent_id == WANTED_AGENT)
    return plates[1]


async def _agent_key(world: World, agent_id: str) -> str:
    key: str = (await vigie("agent", "key", "--data", str(world.data(agent_id)), "--json"))["public_key"]
    return key


def _provision_hub(world: World, agents: dict[str, str], plate: str) -> None:
    """The hub's side: registry, user, hotlist and the nats-server's configuration; blocks."""
    world.hub_settings.write_text(hub_toml(world), encoding="utf-8")
    settings = HubSettings.load(world.hub_settings)
    keys = HubKeys(settings.data_dir)
    now = SystemClock().now()
    with Database(settings.database_path) as database:
        users.add(database, USER, world.password, now)
        database.write_now(lambda connection: entries.add(connection, plate, _("stolen vehicle (demo)"), USER, now))
        database.write_now(
            lambda connection: [enrol(connection, agent_id, key, now, USER) for agent_id, key in agents.items()]
        )
        configuration = NatsConfiguration(
            url=world.nats_url,
            store_dir=world.data("nats"),
            hub_key=keys.nats.public_key,
            agents=database.read_now(enrolled_keys),
        )
    world.nats_configuration.write_text(configuration.text(), encoding="utf-8")
