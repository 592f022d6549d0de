"""One demo's world: a folder that goes away with it, free ports, films, keys, settings and a password."""

import asyncio
import json
import secrets
import socket
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import av

from vigie_hub.demo.children import Recipe
from vigie_hub.demo.scenes import FOOTAGE_AGENT, SCENES, Camera, Scene
from vigie_shared.errors import CommandError
from vigie_shared.i18n import gettext as _

USER: Final = "demo"
HEARTBEAT_SECONDS: Final = 2.0
HOST: Final = "127.0.0.1"
VIGIE: Final = (sys.executable, "-m", "vigie_shared")
UNBUFFERED: Final = {"PYTHONUNBUFFERED": "1"}


@dataclass(frozen=True)
class World:
    """Where everything of one demo lies."""

    folder: Path
    api_port: int
    nats_port: int
    password: str

    @property
    def url(self) -> str:
        """The hub's page."""
        return f"http://{HOST}:{self.api_port}"

    @property
    def nats_url(self) -> str:
        """Where the demo's nats-server listens."""
        return f"nats://{HOST}:{self.nats_port}"

    @property
    def hub_settings(self) -> Path:
        """The hub's settings file."""
        return self.folder / "hub.toml"

    @property
    def nats_configuration(self) -> Path:
        """The nats-server's configuration."""
        return self.folder / "nats.conf"

    def agent_settings(self, agent_id: str) -> Path:
        """One agent's settings file."""
        return self.folder / f"{agent_id}.toml"

    def data(self, name: str) -> Path:
        """Where one process keeps its data."""
        return self.folder / name


def free_port(wanted: int = 0) -> int:
    """A port of the loopback that nobody listens on; raises CommandError where `wanted` is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except OSError as error:
            raise CommandError(
                _("port {port} of {host} is taken: choose another with --port, or leave it out").format(
                    port=wanted, host=HOST
                )
            ) from error
        port: int = probe.getsockname()[1]
        return port


def new_world(folder: Path, api_port: int = 0) -> World:
    """A world in `folder`, with a password of its own."""
    return World(folder, free_port(api_port), free_port(), secrets.token_urlsafe(9))


async def vigie(*arguments: str) -> Any:
    """Run one `vigie` command and return the JSON that it prints; raises CommandError with its own words."""
    process = await asyncio.create_subprocess_exec(
        *VIGIE, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    if process.returncode != 0:
        said = errors.decode(errors="replace").strip().splitlines()
        raise CommandError(
            _("vigie {command} failed: {reason}").format(
                command=" ".join(arguments[:2]), reason=said[-1] if said else process.returncode
            )
        )
    return json.loads(output)


async def shoot(world: World, scene: Scene) -> Camera:
    """Draw the film of one scene; some CPU-seconds."""
    film = world.folder / f"{scene.film}.mp4"
    truth = await vigie("agent", "film", scene.film, "-o", str(film), "--seed", str(scene.seed), "--json")
    plates = tuple(vehicle["plate"] for vehicle in truth["vehicles"])
    return Camera(scene.agent_id, "main", scene.camera_name, film, truth["seconds"], plates)


async def agent_status(world: World, agent_id: str) -> Any:
    """What one agent's own store says, read beside the running agent."""
    return await vigie("agent", "status", "--settings", str(world.agent_settings(agent_id)), "--json")


def footage_cameras(files: Sequence[Path]) -> list[Camera]:
    """Cameras of real footage, all at the quiet agent, which says itself what it cannot open."""
    return [
        Camera(FOOTAGE_AGENT, f"footage-{number}", file.name, file.resolve(), seconds=film_seconds(file))
        for number, file in enumerate(files, start=1)
    ]


def film_seconds(file: Path) -> float:
    """How long a film says it is; 0 where it cannot be opened."""
    try:
        with av.open(str(file)) as container:
            return (container.duration or 0) / av.time_base
    except (av.FFmpegError, OSError):
        return 0.0


def agent_toml(world: World, agent_id: str, cameras: Iterable[Camera]) -> str:
    """The settings of one agent."""
    lines = [
        f"agent_id = {json.dumps(agent_id)}",
        f"data_dir = {json.dumps(str(world.data(agent_id)))}",
        "[discovery]",
        f'interfaces = ["{HOST}"]',
        "[heartbeat]",
        f"interval_seconds = {HEARTBEAT_SECONDS}",
    ]
    for camera in cameras:
        lines += [
            "[[cameras]]",
            f"camera_id = {json.dumps(camera.camera_id)}",
            f"name = {json.dumps(camera.name, ensure_ascii=False)}",
            f"source = {json.dumps(str(camera.source))}",
            "loop = true",
        ]
    return "\n".join(lines) + "\n"


def hub_toml(world: World) -> str:
    """The settings of the hub."""
    return "\n".join(
        [
            f"data_dir = {json.dumps(str(world.data('hub')))}",
            "[nats]",
            f"url = {json.dumps(world.nats_url)}",
            "[api]",
            f'host = "{HOST}"',
            f"port = {world.api_port}",
            "[fleet]",
            f'interfaces = ["{HOST}"]',
            "",
        ]
    )


def recipes(world: World, nats_server: Path) -> list[Recipe]:
    """How to start nats-server, the hub and the agents, in this order."""
    hub = (*VIGIE, "hub", "run", "--settings", str(world.hub_settings))
    agents = [
        (scene.agent_id, (*VIGIE, "agent", "run", "--settings", str(world.agent_settings(scene.agent_id))))
        for scene in SCENES
    ]
    commands = [
        ("nats-server", (str(nats_server), "-c", str(world.nats_configuration))),
        ("hub", hub),
        *agents,
    ]
    return [Recipe(name, command, UNBUFFERED, world.folder / f"{name}.log") for name, command in commands]
