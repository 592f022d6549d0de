"""`vigie hub hotlist`: what an operator does to the lists by hand. A running hub notices within a second or two."""

import getpass
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from vigie_hub.database import Database
from vigie_hub.hotlists import entries
from vigie_hub.hotlists.spreadsheet import BYTES_MAX, moment, wishes_of
from vigie_hub.hotlists.wishes import MAIN_LIST, PlateWish, canonical
from vigie_hub.settings import HubSettings
from vigie_shared.clock import SystemClock
from vigie_shared.errors import CommandError
from vigie_shared.i18n import gettext as _

app = typer.Typer(help=_("Plates that people look for."), rich_markup_mode=None)

SettingsFile = Annotated[Path, typer.Option("--settings", help=_("The hub's settings, TOML."))]
AsJson = Annotated[bool, typer.Option("--json", help=_("Print JSON, for scripts."))]
ListId = Annotated[str, typer.Option("--list", help=_("The list; a new name makes a new one."))]


def _operator() -> str:
    return f"cli:{getpass.getuser()}"


@app.command("add", help=_("Look for a plate from now on."))
def add(
    plate: Annotated[str, typer.Argument(help=_("The plate, as 12345|أ|6 or 12345-A-6."))],
    reason: Annotated[str, typer.Option("--reason", help=_("Why it is looked for."))],
    settings: SettingsFile,
    list_id: ListId = MAIN_LIST,
    rule: Annotated[
        list[str] | None,
        typer.Option("--rule", help=_("A rule that counts beside an exact match, such as “6/5”; may be repeated.")),
    ] = None,
    category: Annotated[str, typer.Option("--category", help=_("A code, as stolen."))] = "",
    severity: Annotated[int, typer.Option("--severity", help=_("0 to 9."))] = 0,
    valid_from: Annotated[str, typer.Option("--from", help=_("Reads count from then on, ISO 8601."))] = "",
    valid_until: Annotated[str, typer.Option("--until", help=_("Reads count until then, ISO 8601."))] = "",
    as_json: AsJson = False,
) -> None:
    """Look for a plate from now on."""
    text, known = canonical(plate)
    wish = PlateWish(
        plate, reason, list_id, tuple(rule or ()), category, severity, moment(valid_from), moment(valid_until)
    )
    now = SystemClock().now()
    with Database(HubSettings.load(settings).database_path) as database:
        entry_id = database.write_now(lambda connection: entries.add(connection, "", "", _operator(), now, wish))
    if as_json:
        print(json.dumps({"entry_id": entry_id, "text": text, "known_grammar": known}, ensure_ascii=False))
        return
    print(_("looking for {text} (entry {entry_id})").format(text=text, entry_id=entry_id))
    if not known:
        print(_("note: not a Moroccan plate; only a read of exactly this text will match"), file=sys.stderr)


@app.command("import", help=_("Look for all plates of a sheet, CSV with a column “plate”."))
def import_sheet(
    sheet: Annotated[Path, typer.Argument(help=_("The file, CSV in UTF-8."))],
    reason: Annotated[str, typer.Option("--reason", help=_("Why they are looked for, where the sheet does not say."))],
    settings: SettingsFile,
    list_id: ListId = MAIN_LIST,
    replace: Annotated[
        bool, typer.Option("--replace", help=_("Look no longer for plates of the list that the sheet lacks."))
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Look for all plates of a sheet; all of them, or none where a line is wrong."""
    try:
        with sheet.open("rb") as stream:
            data = stream.read(BYTES_MAX + 1)
    except OSError as error:
        raise CommandError(_("{path}: {reason}").format(path=sheet, reason=error.strerror)) from error
    if len(data) > BYTES_MAX:
        raise CommandError(_("{path}: larger than {most} bytes").format(path=sheet, most=BYTES_MAX))
    try:
        wishes = wishes_of(data, list_id=list_id, reason=reason)
    except CommandError as error:
        raise CommandError(f"{sheet}: {error}") from error
    now = SystemClock().now()
    with Database(HubSettings.load(settings).database_path) as database:
        done = database.write_now(
            lambda connection: entries.import_all(
                connection, wishes, _operator(), now, list_id=list_id, replace=replace
            )
        )
    if as_json:
        print(json.dumps({"list": list_id, "added": done.added, "known": done.known, "removed": done.removed}))
    else:
        text = _("{list}: {added} added, {known} known, {removed} removed")
        print(text.format(list=list_id, added=done.added, known=done.known, removed=done.removed))


@app.command("remove", help=_("Look for a plate no longer; its alerts stay."))
def remove(
    entry_id: Annotated[str, typer.Argument(help=_("The entry's id, from: vigie hub hotlist list"))],
    settings: SettingsFile,
    reason: Annotated[str, typer.Option("--reason", help=_("Why it is no longer looked for."))] = "",
    as_json: AsJson = False,
) -> None:
    """Look for a plate no longer."""
    loaded = HubSettings.load(settings)
    now = SystemClock().now()
    with Database(loaded.database_path) as database:
        if not database.write_now(lambda connection: entries.remove(connection, entry_id, _operator(), now, reason)):
            raise CommandError(_("no active hotlist entry {entry_id}").format(entry_id=entry_id))
    print(json.dumps({"removed": entry_id}) if as_json else _("removed {entry_id}").format(entry_id=entry_id))


@app.command("drop", help=_("Look for no plate of a list any longer; agents forget the list."))
def drop(
    list_id: Annotated[str, typer.Argument(help=_("The list."))],
    settings: SettingsFile,
    reason: Annotated[str, typer.Option("--reason", help=_("Why it is no longer looked for."))] = "",
    as_json: AsJson = False,
) -> None:
    """Look for no plate of a list any longer."""
    now = SystemClock().now()
    with Database(HubSettings.load(settings).database_path) as database:
        count = database.write_now(lambda connection: entries.drop(connection, list_id, _operator(), now, reason))
    if not count:
        raise CommandError(_("no list {list} that looks for anything").format(list=list_id))
    text = _("{list}: {removed} removed")
    print(json.dumps({"list": list_id, "removed": count}) if as_json else text.format(list=list_id, removed=count))


@app.command("list", help=_("Print what is looked for."))
def list_all(
    settings: SettingsFile,
    list_id: Annotated[str | None, typer.Option("--list", help=_("This list alone."))] = None,
    as_json: AsJson = False,
) -> None:
    """Print what is looked for."""
    with Database(HubSettings.load(settings).database_path) as database:
        rows = database.read_now(lambda connection: entries.list_active(connection, list_id))
    for row in rows:
        if as_json:
            print(json.dumps(dict(row), ensure_ascii=False))
        else:
            print(f"{row['entry_id']}  {row['list_id']}  {row['text']}  {row['reason']}")


@app.command("age", help=_("Set from which age on an agent's copy of a list is good for checking only."))
def age(
    hours: Annotated[float, typer.Argument(min=0.01, max=24 * 365, help=_("The age, in hours."))],
    settings: SettingsFile,
    list_id: ListId = MAIN_LIST,
    as_json: AsJson = False,
) -> None:
    """Set from which age on an agent's copy of a list is good for checking only."""
    PlateWish("1-A-1", "-", list_id).checked()
    now = SystemClock().now()
    with Database(HubSettings.load(settings).database_path) as database:
        database.write_now(lambda connection: entries.keep_age(connection, list_id, hours, _operator(), now))
    text = _("{list}: hits are for checking only where the list is older than {hours:g} h")
    print(json.dumps({"list": list_id, "hours": hours}) if as_json else text.format(list=list_id, hours=hours))
