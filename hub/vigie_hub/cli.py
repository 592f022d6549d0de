"""`vigie hub`: runs the hub, and does what an operator does to it by hand."""

import asyncio
import getpass
import json
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from vigie_hub import logs, users
from vigie_hub.bus.configuration import nats_configuration
from vigie_hub.database import Database
from vigie_hub.fleet.enrolment import agent_snippet, enrol, enrolled_keys
from vigie_hub.hotlists import entries
from vigie_hub.keys import HubKeys
from vigie_hub.settings import HubSettings
from vigie_shared.clock import SystemClock
from vigie_shared.errors import CommandError, StoreError, VigieError
from vigie_shared.i18n import gettext as _
from vigie_shared.i18n import ngettext

app = typer.Typer(help=_("Take in what agents report."), add_completion=False, rich_markup_mode=None)
hotlist_app = typer.Typer(help=_("Plates that people look for."), rich_markup_mode=None)
app.add_typer(hotlist_app, name="hotlist")

SettingsFile = Annotated[Path, typer.Option("--settings", help=_("The hub's settings, TOML."))]
AsJson = Annotated[bool, typer.Option("--json", help=_("Print JSON, for scripts."))]


def _operator() -> str:
    return f"cli:{getpass.getuser()}"


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


@app.command("enrol", help=_("Trust an agent's key, and print what its settings need."))
def enrol_agent(
    agent_id: Annotated[str, typer.Argument(help=_("The agent's id."))],
    public_key: Annotated[str, typer.Argument(help=_("Its public key: vigie agent key prints it."))],
    settings: SettingsFile,
    as_json: AsJson = False,
) -> None:
    """Trust an agent's key, and print what its settings need."""
    loaded = HubSettings.load(settings)
    hub_key = HubKeys(loaded.data_dir).receipts.public_key
    now = SystemClock().now()
    with Database(loaded.database_path) as database:
        fresh = database.write_now(lambda connection: enrol(connection, agent_id, public_key, now, _operator()))
    url = loaded.nats.agents_url or loaded.nats.url
    if as_json:
        print(json.dumps({"agent_id": agent_id, "enrolled": fresh, "hub": {"url": url, "public_key": hub_key}}))
    else:
        print(agent_snippet(url, hub_key), end="")


@app.command("nats-config", help=_("Write the configuration of nats-server, with each agent's permissions."))
def write_nats_configuration(
    settings: SettingsFile,
    output: Annotated[Path, typer.Option("-o", "--output", help=_("The file to write."))],
    as_json: AsJson = False,
) -> None:
    """Write the configuration of nats-server, with each agent's permissions."""
    loaded = HubSettings.load(settings)
    with Database(loaded.database_path) as database:
        agents = database.read_now(enrolled_keys)
    configuration = nats_configuration(loaded, HubKeys(loaded.data_dir).nats.public_key, agents)
    try:
        output.write_text(configuration.text(), encoding="utf-8")
    except OSError as error:
        raise StoreError(_("{path}: {reason}").format(path=output, reason=error.strerror)) from error
    if as_json:
        print(json.dumps({"path": str(output), "agents": sorted(agents)}))
    else:
        print(
            ngettext("{path}: {count} agent", "{path}: {count} agents", len(agents)).format(
                path=output, count=len(agents)
            )
        )


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


@hotlist_app.command("add", help=_("Look for a plate from now on."))
def add_to_hotlist(
    plate: Annotated[str, typer.Argument(help=_("The plate, as 12345|أ|6 or 12345-A-6."))],
    reason: Annotated[str, typer.Option("--reason", help=_("Why it is looked for."))],
    settings: SettingsFile,
    as_json: AsJson = False,
) -> None:
    """Look for a plate from now on."""
    loaded = HubSettings.load(settings)
    now = SystemClock().now()
    text, known = entries.canonical(plate)
    with Database(loaded.database_path) as database:
        entry_id = database.write_now(lambda connection: entries.add(connection, plate, reason, _operator(), now))
    if as_json:
        print(json.dumps({"entry_id": entry_id, "text": text, "known_grammar": known}, ensure_ascii=False))
        return
    print(_("looking for {text} (entry {entry_id})").format(text=text, entry_id=entry_id))
    if not known:
        print(_("note: not a Moroccan plate; only a read of exactly this text will match"), file=sys.stderr)


@hotlist_app.command("remove", help=_("Look for a plate no longer; its alerts stay."))
def remove_from_hotlist(
    entry_id: Annotated[str, typer.Argument(help=_("The entry's id, from: vigie hub hotlist list"))],
    settings: SettingsFile,
    as_json: AsJson = False,
) -> None:
    """Look for a plate no longer."""
    loaded = HubSettings.load(settings)
    now = SystemClock().now()
    with Database(loaded.database_path) as database:
        if not database.write_now(lambda connection: entries.remove(connection, entry_id, _operator(), now)):
            raise CommandError(_("no active hotlist entry {entry_id}").format(entry_id=entry_id))
    print(json.dumps({"removed": entry_id}) if as_json else _("removed {entry_id}").format(entry_id=entry_id))


@hotlist_app.command("list", help=_("Print what is looked for."))
def list_hotlist(settings: SettingsFile, as_json: AsJson = False) -> None:
    """Print what is looked for."""
    with Database(HubSettings.load(settings).database_path) as database:
        rows = database.read_now(entries.list_active)
    for row in rows:
        if as_json:
            print(json.dumps(dict(row), ensure_ascii=False))
        else:
            print(f"{row['entry_id']}  {row['text']}  {row['reason']}")


@app.command("pull", help=_("Bring a clip here, verified, without the hub's page."))
def pull_clip(
    clip: Annotated[str, typer.Argument(metavar="AGENT/CLIP", help=_("The clip, as the event list names it."))],
    output: Annotated[Path, typer.Option("-o", "--output", help=_("The file to write, MP4."))],
    settings: SettingsFile,
    as_json: AsJson = False,
) -> None:
    """Bring a clip here, verified."""
    from vigie_hub.fetching import fetch  # late: media libraries take a second to load

    loaded = HubSettings.load(settings)
    agent_id, _slash, clip_id = clip.partition("/")
    if not agent_id or not clip_id:
        raise CommandError(_("“{clip}” is not AGENT/CLIP").format(clip=clip))
    fetched = asyncio.run(fetch(loaded, agent_id, clip_id, _operator()))
    try:
        shutil.copyfile(fetched.path, output)
    except OSError as error:
        raise StoreError(_("{path}: {reason}").format(path=output, reason=error.strerror)) from error
    if as_json:
        print(json.dumps({"path": str(output), "bytes": fetched.bytes, "sha256": fetched.sha256}))
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
