"""Before the demo's processes start: keys, settings, a password, a hotlist, and who may say what on the bus."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from vigie_hub import users
from vigie_hub.bus.configuration import nats_configuration
from vigie_hub.bus.server import find_nats_server
from vigie_hub.database import Database
from vigie_hub.demo.scenes import SCENES, Camera
from vigie_hub.demo.world import USER, World, agent_toml, hub_toml, vigie
from vigie_hub.fleet.enrolment import CODE_HOURS
from vigie_hub.fleet_cli import new_code
from vigie_hub.hotlists import entries
from vigie_hub.identity import Identity
from vigie_hub.settings import HubSettings
from vigie_shared.clock import SystemClock
from vigie_shared.i18n import gettext as _

WANTED_AGENT: Final = "crossing"
"""The agent at whose camera the wanted plate passes."""


async def provision(world: World, cameras: Sequence[Camera]) -> Path:
    """Make all that the processes need; returns the nats-server to start."""
    await asyncio.to_thread(_provision_hub, world, wanted_plate(cameras))
    for scene in SCENES:
        own = [camera for camera in cameras if camera.agent_id == scene.agent_id]
        world.agent_settings(scene.agent_id).write_text(agent_toml(world, scene.agent_id, own), encoding="utf-8")
    return find_nats_server()


async def enrol_all(world: World) -> None:
    """Enrol each agent at the hub that runs, with a code, as an installer does."""
    settings = HubSettings.load(world.hub_settings)
    codes = {scene.agent_id: await asyncio.to_thread(_code, settings, scene.agent_id) for scene in SCENES}
    enrolling = [
        vigie("agent", "enrol", code, "--settings", str(world.agent_settings(agent_id)), "--json")
        for agent_id, code in codes.items()
    ]
    await asyncio.gather(*enrolling)


def _code(settings: HubSettings, agent_id: str) -> str:
    return str(new_code(settings, agent_id, CODE_HOURS)[0])


def wanted_plate(cameras: Sequence[Camera]) -> str:
    """The plate for the hotlist: the second vehicle that passes, so that there is a before and an after."""
    plates = next(camera.plates for camera in cameras if camera.agent_id == WANTED_AGENT)
    return plates[1]


def _provision_hub(world: World, plate: str) -> None:
    """The hub's side: user, hotlist and the nats-server's configuration; blocks."""
    world.hub_settings.write_text(hub_toml(world), encoding="utf-8")
    settings = HubSettings.load(world.hub_settings)
    identity = Identity.of(settings)
    now = SystemClock().now()
    with Database(settings.database_path) as database:
        users.add(database, USER, world.password, now)
        database.write_now(lambda connection: entries.add(connection, plate, _("stolen vehicle (demo)"), USER, now))
    configuration = nats_configuration(settings, identity.trust, {}, identity.certificates)
    world.nats_configuration.write_text(configuration.text(), encoding="utf-8")
