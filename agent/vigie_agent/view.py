"""What each camera is doing, as a table on a terminal that renews itself."""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from vigie_agent.capture.consumer import SourceStatistics
from vigie_shared.clock import Clock
from vigie_shared.heartbeats import CameraHealth
from vigie_shared.i18n import gettext as _

RENEW_SECONDS: Final = 1.0
_COLOURS: Final = {"streaming": "green", "starting": "yellow", "lost": "red"}


class Watched(Protocol):
    """What the view asks of a camera."""

    def health(self) -> CameraHealth:
        """How it fares."""
        ...

    def reception(self) -> SourceStatistics:
        """What that costs."""
        ...


@dataclass(frozen=True, slots=True)
class Row:
    """One camera, as it is shown."""

    health: CameraHealth
    cpu_ms_per_second: float
    missed: int
    """Packets lost on the way, and those that watching was too slow for."""
    watchers: int = 0
    """People who watch it live."""


class Rows:
    """Follows cameras from look to look: what a second of each costs is the difference of two."""

    def __init__(self, watchers: Callable[[], Mapping[str, int]] = dict) -> None:
        self._watchers = watchers
        self._seen: dict[str, tuple[float, float]] = {}

    def look(self, cameras: Sequence[Watched], now_seconds: float) -> list[Row]:
        """One row a camera."""
        watchers = self._watchers()
        return [self._row(camera.health(), camera.reception(), now_seconds, watchers) for camera in cameras]

    def _row(
        self, health: CameraHealth, statistics: SourceStatistics, now_seconds: float, watchers: Mapping[str, int]
    ) -> Row:
        then_seconds, then_cpu = self._seen.get(health.camera_id, (now_seconds, statistics.cpu_seconds))
        self._seen[health.camera_id] = now_seconds, statistics.cpu_seconds
        passed = now_seconds - then_seconds
        cost = max(0.0, statistics.cpu_seconds - then_cpu) * 1000 / passed if passed > 0 else 0.0
        missed = statistics.lost_packets + statistics.dropped_packets
        return Row(health, cost, missed, watchers.get(health.camera_id, 0))


def table(rows: Sequence[Row]) -> Table:
    """The table for people."""
    made = Table(caption=_total(rows), caption_justify="left", expand=False)
    made.add_column(_("camera"))
    made.add_column(_("state"))
    for title in (_("frames/s"), _("kbit/s")):
        made.add_column(title, justify="right")
    made.add_column(_("motion"))
    for title in (_("CPU ms/s"), _("missed"), _("watched by")):
        made.add_column(title, justify="right")
    states = {"streaming": _("streaming"), "starting": _("starting"), "lost": _("lost")}
    for row in rows:
        health = row.health
        made.add_row(
            Text(health.name),
            Text(states[health.state], style=_COLOURS[health.state]),
            f"{health.frames_per_second:.1f}",
            f"{health.kbps:.0f}",
            Text(_("moving"), style="bold") if health.moving else "",
            f"{row.cpu_ms_per_second:.1f}",
            f"{row.missed}" if row.missed else "",
            Text(f"{row.watchers}", style="bold") if row.watchers else "",
        )
    return made


def _total(rows: Sequence[Row]) -> str:
    streaming = sum(row.health.state == "streaming" for row in rows)
    cost = sum(row.cpu_ms_per_second for row in rows)
    return _("{streaming} of {count} cameras, {cost:.0f} CPU-ms a second; Ctrl-C ends").format(
        streaming=streaming, count=len(rows), cost=cost
    )


@contextlib.contextmanager
def _screen(console: Console) -> Iterator[Callable[[Table], None]]:
    """A place at the bottom of the terminal; log lines pass above it."""
    live = Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=sys.stderr.isatty())
    with live:
        yield lambda made: live.update(made, refresh=True)


async def show(
    cameras: Sequence[Watched],
    clock: Clock,
    console: Console | None = None,
    watchers: Callable[[], Mapping[str, int]] = dict,
) -> None:
    """Show `cameras` until cancelled, on standard output or `console`, with how many people watch each live."""
    rows = Rows(watchers)
    with _screen(console or Console()) as renew:
        while True:
            renew(table(rows.look(cameras, clock.monotonic_seconds())))
            await asyncio.sleep(RENEW_SECONDS)
