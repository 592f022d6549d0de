"""The demo from start to end: draw, start, enrol, tell, and with `--once` pull, compare and sum up."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from vigie_hub.demo.children import Child
from vigie_hub.demo.once import show_films, sum_up
from vigie_hub.demo.provision import enrol_all, provision
from vigie_hub.demo.scenes import SCENES, Camera
from vigie_hub.demo.stage import POLL_SECONDS, Stage
from vigie_hub.demo.tally import Summary
from vigie_hub.demo.world import USER, World, footage_cameras, new_world, recipes, shoot
from vigie_shared.errors import LinkError
from vigie_shared.i18n import gettext as _

START_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Options:
    """What the command line asked for."""

    once: bool
    videos: Sequence[Path]
    port: int


async def run(options: Options, console: Console) -> Summary | None:
    """Run the demo; with `once` until each film was shown, else until cancelled."""
    async with AsyncExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="vigie-demo-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        world = new_world(folder, options.port)
        cameras = await _shoot_all(world, console) + footage_cameras(options.videos)
        nats_server = await provision(world, cameras)
        stage = Stage(world, cameras, console)
        await stack.enter_async_context(_children(world, nats_server, stage))
        await _until(lambda: _all_online(stage), _("not all agents are online"))
        _greet(world, console)
        watching = await stack.enter_async_context(_in_background(stage))
        if not options.once:
            await watching
            return None
        await show_films(stage, console)
        return await sum_up(stage)


async def _shoot_all(world: World, console: Console) -> list[Camera]:
    """Draw all films side by side, and show how far that is."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(_("drawing what the cameras see"), total=len(SCENES))

        async def draw(index: int) -> Camera:
            camera = await shoot(world, SCENES[index])
            progress.advance(task)
            return camera

        return list(await asyncio.gather(*(draw(index) for index in range(len(SCENES)))))


@asynccontextmanager
async def _children(world: World, nats_server: Path, stage: Stage) -> AsyncIterator[None]:
    """All processes, started in order and stopped in reverse: agents first, nats-server last."""
    children = [Child(recipe, stage.say) for recipe in recipes(world, nats_server)]
    listeners: list[asyncio.Task[None]] = []
    try:
        for child in children:
            await child.start()
            listeners.append(asyncio.create_task(child.run()))
            if child.name == "hub":
                await _until(lambda: _answers(stage), _("the hub does not answer"))
                await enrol_all(world)
        yield
    finally:
        nats, hub, *agents = children
        await asyncio.gather(*(child.stop() for child in agents))
        await hub.stop()
        await nats.stop()
        await asyncio.gather(*listeners, return_exceptions=True)


@asynccontextmanager
async def _in_background(stage: Stage) -> AsyncIterator[asyncio.Task[None]]:
    """The commentary, as long as the demo lasts."""
    watching = asyncio.create_task(stage.watch())
    try:
        yield watching
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _answers(stage: Stage) -> bool:
    """Whether the hub is up."""
    try:
        await stage.hub.get("/agents")
    except LinkError:
        return False
    return True


async def _all_online(stage: Stage) -> bool:
    """Whether the hub shows every agent online."""
    agents = (await stage.hub.insist("GET", "/agents"))["items"]
    online = {agent["agent_id"] for agent in agents if agent["state"] == "online"}
    return online >= {scene.agent_id for scene in SCENES}


async def _until(done: Callable[[], Awaitable[bool]], complaint: str) -> None:
    """Wait for `done`; raises LinkError with `complaint` where that takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while not await done():
        if time.monotonic() > deadline:
            raise LinkError(
                _("{complaint} after {seconds:.0f} s: run the demo again with the machine less busy").format(
                    complaint=complaint, seconds=START_SECONDS
                )
            )
        await asyncio.sleep(POLL_SECONDS)


def _greet(world: World, console: Console) -> None:
    console.print(
        _("Vigie runs at {url}   name: {name}   password: {password}   Ctrl-C ends it").format(
            url=world.url, name=USER, password=world.password
        ),
        style="bold green",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
