"""`vigie hub live`: looks at a camera as a viewer does, and says how it comes through."""

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer

from vigie_hub.fleet_cli import AsJson, SettingsFile
from vigie_hub.settings import HubSettings
from vigie_shared.errors import CommandError
from vigie_shared.i18n import gettext as _

if TYPE_CHECKING:
    from vigie_hub.video.live.whep_player import HubAccess, Tally
    from vigie_hub.video.stills.player import StillsTally

FIRST_FRAME_SECONDS: Final = 20.0
JPEG: Final = "jpeg"
"""Asks for one JPEG a second, as viewers get it whom no media connection reaches."""
_QUALITY_HELP: Final = _(
    "auto, main, sub, low, keyframes or stills; or jpeg: one picture a second without a media connection."
)
app = typer.Typer(rich_markup_mode=None)


@app.command("live", help=_("Look at a camera as a viewer does, and say how it comes through."))
def look(
    camera: Annotated[str, typer.Argument(metavar="AGENT/CAMERA", help=_("The camera."))],
    settings: SettingsFile,
    user: Annotated[str, typer.Option("--user", help=_("Who looks; the password comes from standard input."))],
    reason: Annotated[str, typer.Option("--reason", help=_("Why; it stays at the hub, in the audit."))],
    seconds: Annotated[float, typer.Option("--seconds", min=1, help=_("How long."))] = 10,
    quality: Annotated[str, typer.Option("--quality", help=_QUALITY_HELP)] = "auto",
    stats: Annotated[bool, typer.Option("--stats", help=_("Print a line each second."))] = False,
    as_json: AsJson = False,
) -> None:
    """Look at a camera, and count."""
    agent_id, _slash, camera_id = camera.partition("/")
    if not agent_id or not camera_id:
        raise CommandError(_("“{camera}” is not AGENT/CAMERA").format(camera=camera))
    password = (
        typer.prompt(_("Password"), hide_input=True) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    )
    target = {"agent_id": agent_id, "camera_id": camera_id}
    loaded = HubSettings.load(settings)

    def each_second(line: str) -> None:
        if stats:
            typer.echo(line, err=as_json)

    if quality == JPEG:
        found = asyncio.run(_look_at_stills(loaded, user, password, target, reason, seconds, each_second))
    else:
        found = asyncio.run(_look(loaded, user, password, target, reason, quality, seconds, each_second))
    if as_json:
        print(json.dumps(found))
    elif quality == JPEG:
        print(
            _(
                "first picture after {first_frame_ms:.0f} ms; {frames_per_second:.2f} pictures/s, {kbps:.0f} kbit/s; "
                "{width_px}×{height_px}"
            ).format(**found)
        )
    else:
        print(
            _(
                "first picture after {first_frame_ms:.0f} ms; {frames_per_second:.1f} frames/s, {kbps:.0f} kbit/s, "
                "{loss_percent:.1f} of 100 packets lost on the way, {lost_frames} pictures for good; "
                "{rung} {width_px}×{height_px}"
            ).format(**found)
        )


def _rates(before: "Tally", after: "Tally") -> dict[str, float]:
    """How fast pictures and bytes came between two looks."""
    passed = max(after.seconds - before.seconds, 1e-3)
    packets = after.packets - before.packets
    return {
        "frames_per_second": round((after.frames - before.frames) / passed, 2),
        "kbps": round((after.bytes - before.bytes) * 8 / 1000 / passed, 1),
        "loss_percent": round(100 * (after.repaired_packets - before.repaired_packets) / max(packets, 1), 2),
    }


async def _look(
    settings: HubSettings,
    user: str,
    password: str,
    target: dict[str, str],
    reason: str,
    quality: str,
    seconds: float,
    each_second: Callable[[str], None],
) -> dict[str, object]:
    from vigie_hub.video.live.whep_player import WhepPlayer  # late: media libraries take a second to load

    async with WhepPlayer(await _access(settings, user, password)) as player:
        await player.open(target, reason, f"?quality={quality}")
        await player.first_frame(FIRST_FRAME_SECONDS)
        before = first = player.tally()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    await asyncio.sleep(1)
                    now = player.tally()
                    rates = _rates(before, now)
                    each_second(
                        _(
                            "{frames_per_second:.1f} frames/s, {kbps:.0f} kbit/s, "
                            "{loss_percent:.1f} of 100 packets lost"
                        ).format(**rates)
                    )
                    before = now
        last = player.tally()
        showing = player.showing
        return {
            "first_frame_ms": round((player.first_frame_seconds or 0) * 1000, 1),
            **_rates(first, last),
            **{key: value for key, value in asdict(last).items() if key != "seconds"},
            "rung": showing.rung if showing else "",
            "width_px": showing.width_px if showing else 0,
            "height_px": showing.height_px if showing else 0,
        }


async def _look_at_stills(
    settings: HubSettings,
    user: str,
    password: str,
    target: dict[str, str],
    reason: str,
    seconds: float,
    each_second: Callable[[str], None],
) -> dict[str, object]:
    from vigie_hub.video.stills.player import StillsPlayer

    async with StillsPlayer(await _access(settings, user, password)) as player:
        await player.open(target, reason)
        await player.first_still(FIRST_FRAME_SECONDS)
        before = first = player.tally()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    await player.next()
                    rates = _still_rates(before, before := player.tally())
                    each_second(_("{frames_per_second:.2f} pictures/s, {kbps:.0f} kbit/s").format(**rates))
        last = player.tally()
        return {
            "first_frame_ms": round((player.first_still_seconds or 0) * 1000, 1),
            **_still_rates(first, last),
            "frames": last.stills,
            "bytes": last.bytes,
            "rung": JPEG,
            "width_px": player.size_px[0],
            "height_px": player.size_px[1],
        }


def _still_rates(before: "StillsTally", after: "StillsTally") -> dict[str, float]:
    passed = max(after.seconds - before.seconds, 1e-3)
    return {
        "frames_per_second": round((after.stills - before.stills) / passed, 2),
        "kbps": round((after.bytes - before.bytes) * 8 / 1000 / passed, 1),
    }


async def _access(settings: HubSettings, user: str, password: str) -> "HubAccess":
    from vigie_hub.identity import Identity
    from vigie_hub.video.live.whep_player import HubAccess

    context = None
    if settings.api_is_secure:
        context = (await asyncio.to_thread(Identity.of, settings)).certificates.client_context()
    return HubAccess(settings.api_url, user, password, context)
