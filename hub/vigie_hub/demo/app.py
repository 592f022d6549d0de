"""The demo from start to end: draw, enrol, start, tell, and with `--once` pull, compare and sum up."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from vigie_hub.demo.children import Child
from vigie_hub.demo.client import HubClient
from vigie_hub.demo.provision import provision
from vigie_hub.demo.scenes import SCENES, Camera
from vigie_hub.demo.story import tell, tell_alert
from vigie_hub.demo.tally import Pulled, Summary, Tally
from vigie_hub.demo.world import USER, World, agent_status, footage_cameras, new_world, recipes, shoot
from vigie_shared.errors import LinkError, TransferError
from vigie_shared.i18n import gettext as _

POLL_SECONDS: Final = 0.5
START_SECONDS: Final = 60.0
SETTLE_SECONDS: Final = 60.0
PULL_SECONDS: Final = 120.0
QUIET_SECONDS: Final = 4.0
"""After a film's end: what the motion's hysteresis and the clip's post-roll still need."""


@dataclass(frozen=True)
class Options:
    """What the command line asked for."""

    once: bool
    videos: Sequence[Path]
    port: int


class Stage:
    """A running demo: its world, its hub's client and what was seen so far."""

    def __init__(self, world: World, cameras: Sequence[Camera], console: Console) -> None:
        self.world = world
        self.cameras = cameras
        self.hub = HubClient(world.url, USER, world.password)
        self.tally = Tally(cameras)
        self.alerts: dict[str, dict[str, Any]] = {}
        self._console = console

    def say(self, who: str, line: str) -> None:
        """Print what a process has to say."""
        self._console.print(f"{who}: {line}", style="yellow", markup=False, highlight=False)

    async def look(self) -> None:
        """Ask the hub once what is new, and tell it; a hub that is away is asked again later."""
        try:
            await self._tell_events()
            await self._tell_alerts()
        except LinkError:
            return

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(POLL_SECONDS)

    async def _tell_events(self) -> None:
        while page := (await self.hub.get(f"/events?after={self.tally.newest_id}&limit=200"))["items"]:
            for event in self.tally.feed(page):
                self._console.print(tell(event), markup=False, highlight=False)

    async def _tell_alerts(self) -> None:
        for alert in (await self.hub.get("/alerts?limit=200"))["items"]:
            if alert["alert_id"] not in self.alerts:
                self._console.print(tell_alert(alert), style="bold red", markup=False, highlight=False)
            self.alerts[alert["alert_id"]] = alert


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
        await _until_online(stage)
        _greet(world, console)
        watching = await stack.enter_async_context(_in_background(stage))
        if not options.once:
            await watching
            return None
        await _show_films(stage, console)
        return await _sum_up(stage)


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


async def _until_online(stage: Stage) -> None:
    """Wait until the hub shows every agent online; raises LinkError where that takes too long."""
    deadline = time.monotonic() + START_SECONDS
    online: set[str] = set()
    while time.monotonic() < deadline:
        try:
            agents = (await stage.hub.get("/agents"))["items"]
            online = {agent["agent_id"] for agent in agents if agent["state"] == "online"}
        except LinkError:
            online = set()
        if online >= {scene.agent_id for scene in SCENES}:
            return
        await asyncio.sleep(POLL_SECONDS)
    raise LinkError(
        _("after {seconds:.0f} s only these agents are online: {agents}; their logs are in {folder}").format(
            seconds=START_SECONDS, agents=", ".join(sorted(online)) or "–", folder=stage.world.folder
        )
    )


def _greet(world: World, console: Console) -> None:
    console.print(
        _("Vigie runs at {url}   name: {name}   password: {password}   Ctrl-C ends it").format(
            url=world.url, name=USER, password=world.password
        ),
        style="bold green",
        markup=False,
        highlight=False,
    )


async def _show_films(stage: Stage, console: Console) -> None:
    """Wait until every camera has shown its film once."""
    seconds = max(camera.seconds for camera in stage.cameras) + QUIET_SECONDS
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(_("showing each film once"), total=seconds)
        start = time.monotonic()
        while (shown := time.monotonic() - start) < seconds:
            progress.update(task, completed=shown)
            await asyncio.sleep(POLL_SECONDS)


async def _sum_up(stage: Stage) -> Summary:
    """Pull what matters, wait until nothing is left at the edge, count."""
    pulled = [await _pull(stage, clip) for clip in await _clips_to_pull(stage)]
    lost = await _settle(stage)
    agents = [agent for agent in (await stage.hub.get("/agents"))["items"] if agent["state"] == "online"]
    return stage.tally.summary(agents=len(agents), alerts=len(stage.alerts), pulled=pulled, lost=lost)


async def _clips_to_pull(stage: Stage) -> list[dict[str, Any]]:
    """The clips of all alerts, and one of every other camera that has any."""
    clips = (await stage.hub.get("/clips?limit=500"))["items"]
    hits = {alert["clip"]["clip_id"] for alert in stage.alerts.values() if alert["clip"]}
    chosen = [clip for clip in clips if clip["clip_id"] in hits]
    seen = {(clip["agent_id"], clip["camera_id"]) for clip in chosen}
    for clip in clips:
        place = (clip["agent_id"], clip["camera_id"])
        if place not in seen:
            seen.add(place)
            chosen.append(clip)
    return chosen


async def _pull(stage: Stage, clip: dict[str, Any]) -> Pulled:
    """Pull one clip and wait for the verdict; raises TransferError where there is none in time."""
    clip_id = clip["clip_id"]
    await stage.hub.post(f"/clips/{clip_id}/pull")
    deadline = time.monotonic() + PULL_SECONDS
    while time.monotonic() < deadline:
        archive = (await stage.hub.get(f"/clips/{clip_id}"))["archive"] or {}
        if archive.get("state") == "verified":
            return Pulled(
                clip_id=clip_id,
                bytes=archive["bytes"],
                sha256_agent=clip["sha256"],
                sha256_hub=archive["sha256"],
                seconds=round(archive["seconds"], 3),
            )
        if archive.get("state") == "failed":
            raise TransferError(_("clip {clip}: {reason}").format(clip=clip_id, reason=archive.get("detail", "")))
        await asyncio.sleep(POLL_SECONDS / 2)
    raise TransferError(_("clip {clip}: not there after {seconds:.0f} s").format(clip=clip_id, seconds=PULL_SECONDS))


async def _settle(stage: Stage) -> int:
    """Wait until the hub has all that the agents' own stores hold by now; returns how many events it lacks."""
    statuses = await asyncio.gather(*(agent_status(stage.world, scene.agent_id) for scene in SCENES))
    newest = {status["agent_id"]: status["newest"] for status in statuses}
    deadline = time.monotonic() + SETTLE_SECONDS
    while (lost := stage.tally.lacking(newest)) and time.monotonic() < deadline:
        await asyncio.sleep(POLL_SECONDS)
        await stage.look()
    return lost
