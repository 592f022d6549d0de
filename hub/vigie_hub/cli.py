"""`vigie hub`: runs the hub, and does what an operator does to it by hand."""

import asyncio
import dataclasses
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from vigie_hub import fleet_cli, live_cli, logs, users
from vigie_hub.database import Database
from vigie_hub.fleet.holds import ask as ask_for_hold
from vigie_hub.fleet_cli import operator as _operator
from vigie_hub.hotlists.cli import app as hotlist_app
from vigie_hub.keys import HubKeys
from vigie_hub.settings import HubSettings
from vigie_hub.video.pull.labels import relabelled
from vigie_hub.video.pull.pieces import Quality
from vigie_shared.clock import SystemClock
from vigie_shared.commands import HoldKind
from vigie_shared.errors import CommandError, VigieError
from vigie_shared.i18n import gettext as _

app = typer.Typer(help=_("Take in what agents report."), add_completion=False, rich_markup_mode=None)
app.add_typer(hotlist_app, name="hotlist")
app.add_typer(fleet_cli.app)
app.add_typer(live_cli.app)

SettingsFile = Annotated[Path, typer.Option("--settings", help=_("The hub's settings, TOML."))]
AsJson = Annotated[bool, typer.Option("--json", help=_("Print JSON, for scripts."))]


@app.command("run", help=_("Run the hub until it is stopped."))
def run_hub(
    settings: SettingsFile,
    embedded_nats: Annotated[
        bool, typer.Option("--embedded-nats", help=_("Start nats-server too, at nats.url."))
    ] = False,
) -> None:
    """Run the hub until it is stopped."""
    from vigie_hub.app import run  # late: media and web libraries take a second to load

    loaded = HubSettings.load(settings)
    logs.configure()

    def on_ready(url: str) -> None:
        print(_("Vigie hub ready at {url}").format(url=url), flush=True)

    asyncio.run(run(loaded, embedded_nats=embedded_nats, on_ready=on_ready))


@app.command("key", help=_("Print the key that agents check receipts with."))
def print_key(settings: SettingsFile, as_json: AsJson = False) -> None:
    """Print the key that agents check receipts with."""
    public_key = HubKeys(HubSettings.load(settings).data_dir).receipts.public_key
    print(json.dumps({"public_key": public_key}) if as_json else public_key)


@app.command("user", help=_("Add a user, or change a password; reads it from the terminal or from standard input."))
def add_user(
    name: Annotated[str, typer.Argument(help=_("The user's name."))], settings: SettingsFile, as_json: AsJson = False
) -> None:
    """Add a user, or change a password."""
    loaded = HubSettings.load(settings)
    if sys.stdin.isatty():
        password = typer.prompt(_("Password"), hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    with Database(loaded.database_path) as database:
        users.add(database, name, password, SystemClock().now())
    print(json.dumps({"name": name}) if as_json else _("{name} can sign in").format(name=name))


@app.command("hold", help=_("Keep a clip at its agent, whatever the retention there says, or let it go again."))
def hold_clip(
    clip: Annotated[str, typer.Argument(metavar="AGENT/CLIP", help=_("The clip, as the event list names it."))],
    reason: Annotated[str, typer.Option("--reason", help=_("Why; it stays at the hub, in the audit."))],
    settings: SettingsFile,
    legal: Annotated[bool, typer.Option("--legal", help=_("A legal hold, not a pin: a law asks for it."))] = False,
    release: Annotated[bool, typer.Option("--release", help=_("Let it go again."))] = False,
    as_json: AsJson = False,
) -> None:
    """Want a clip held at its agent; the running hub tells the agent as soon as it can."""
    clip_id = clip.rpartition("/")[2]
    kind: HoldKind = "legal" if legal else "pin"
    now = SystemClock().now()
    with Database(HubSettings.load(settings).database_path) as database:
        agent_id = database.write_now(
            lambda connection: ask_for_hold(connection, clip_id, kind, not release, reason, _operator(), now)
        )
    if as_json:
        print(json.dumps({"agent_id": agent_id, "clip_id": clip_id, "kind": kind, "wanted": not release}))
    else:
        print(_("{agent_id} will be told as soon as it can be reached").format(agent_id=agent_id))


@app.command("pull", help=_("Bring a clip here, verified, or its keyframes alone, without the hub's page."))
def pull_clip(
    clip: Annotated[str, typer.Argument(metavar="AGENT/CLIP", help=_("The clip, as the event list names it."))],
    output: Annotated[Path, typer.Option("-o", "--output", help=_("The file to write, MP4."))],
    settings: SettingsFile,
    quality: Annotated[
        Quality,
        typer.Option(
            help=_("One picture, a film of the keyframes, a small film that the agent makes, or the exact bytes.")
        ),
    ] = "original",
    hvc1: Annotated[
        bool,
        typer.Option("--hvc1", help=_("Name H.265 as Apple's players want it; the file's digest is then another.")),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring a clip here, verified."""
    from vigie_hub.fetching import fetch  # late: media libraries take a second to load
    from vigie_hub.fetching_progress import shown

    loaded = HubSettings.load(settings)
    agent_id, _slash, clip_id = clip.partition("/")
    if not agent_id or not clip_id:
        raise CommandError(_("“{clip}” is not AGENT/CLIP").format(clip=clip))
    with shown(clip_id, quiet=as_json) as progressed:
        fetched = asyncio.run(fetch(loaded, agent_id, clip_id, _operator(), output, quality, progressed))
    if hvc1 and relabelled(output):
        fetched = dataclasses.replace(fetched, sha256=None, is_relabelled=True)
    if as_json:
        print(json.dumps({"path": str(output), **dataclasses.asdict(fetched)}))
    elif fetched.is_relabelled:
        print(
            _("{path}: {bytes} bytes, named hvc1: not the bytes of the archive").format(
                path=output, bytes=fetched.bytes
            )
        )
    elif fetched.derived_sha256 is not None:
        print(
            _("{path}: {bytes} bytes, a small film that {agent_id} made of the clip and signed; not its bytes").format(
                path=output, bytes=fetched.bytes, agent_id=agent_id
            )
        )
    elif fetched.sha256 is None:
        print(
            _("{path}: {count} keyframes, {bytes} bytes; the clip itself stays at the agent").format(
                path=output, count=fetched.keyframes, bytes=fetched.bytes
            )
        )
    else:
        print(
            _("{path}: {bytes} bytes, SHA-256 {sha256}").format(path=output, bytes=fetched.bytes, sha256=fetched.sha256)
        )


def _first_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that an operator can mend, else the first."""
    mendable = group.subgroup(VigieError)
    error: BaseException = mendable or group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit status. Errors that an operator can mend are VigieError."""
    try:
        app(args=arguments, prog_name="vigie hub")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    except BaseExceptionGroup as group:
        first = _first_error(group)
        if isinstance(first, VigieError):
            raise first from group
        raise
    return 0
