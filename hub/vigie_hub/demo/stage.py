"""A running demo, watched through its hub: what was seen so far, told as it comes."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from rich.console import Console

from vigie_hub.demo.client import HubClient
from vigie_hub.demo.scenes import Camera
from vigie_hub.demo.story import tell, tell_alert
from vigie_hub.demo.tally import Tally
from vigie_hub.demo.world import USER, World
from vigie_shared.errors import LinkError

POLL_SECONDS: Final = 0.5


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
        self._console.print(f"{who}: {line}", style="yellow", markup=False, highlight=False, soft_wrap=True)

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
                if line := tell(event):
                    self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    async def _tell_alerts(self) -> None:
        for alert in (await self.hub.get("/alerts?limit=200"))["items"]:
            if alert["alert_id"] not in self.alerts:
                self._console.print(tell_alert(alert), style="bold red", markup=False, highlight=False, soft_wrap=True)
            self.alerts[alert["alert_id"]] = alert
