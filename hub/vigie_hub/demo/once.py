"""`vigie demo --once`: show every film once, pull what matters, compare the digests, count what is lacking."""

import asyncio
import time
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from vigie_hub.demo.scenes import SCENES
from vigie_hub.demo.stage import POLL_SECONDS, Stage
from vigie_hub.demo.tally import Pulled, Summary
from vigie_hub.demo.world import agent_status
from vigie_shared.errors import TransferError
from vigie_shared.i18n import gettext as _

SETTLE_SECONDS: Final = 60.0
PULL_SECONDS: Final = 120.0
QUIET_SECONDS: Final = 12.0
"""After a film's end: what the motion's hysteresis, the clip's post-roll and the way to the hub still need."""


async def show_films(stage: Stage, console: Console) -> None:
    """Wait until every camera has shown its film once."""
    seconds = max(camera.seconds for camera in stage.cameras) + QUIET_SECONDS
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(_("showing each film once"), total=seconds)
        start = time.monotonic()
        while (shown := time.monotonic() - start) < seconds:
            progress.update(task, completed=shown)
            await asyncio.sleep(POLL_SECONDS)


async def sum_up(stage: Stage) -> Summary:
    """Pull what matters, wait until nothing is left at the edge, count."""
    pulled = [await _pull(stage, clip) for clip in await _clips_to_pull(stage)]
    lost = await _settle(stage)
    agents = [agent for agent in (await stage.hub.insist("GET", "/agents"))["items"] if agent["state"] == "online"]
    return stage.tally.summary(agents=len(agents), alerts=len(stage.alerts), pulled=pulled, lost=lost)


async def _clips_to_pull(stage: Stage) -> list[dict[str, Any]]:
    """The clips of all alerts, and one of every other camera that has any."""
    clips = (await stage.hub.insist("GET", "/clips?limit=500"))["items"]
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
    await stage.hub.insist("POST", f"/clips/{clip_id}/pull")
    deadline = time.monotonic() + PULL_SECONDS
    while time.monotonic() < deadline:
        archive = (await stage.hub.insist("GET", f"/clips/{clip_id}"))["archive"] or {}
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
