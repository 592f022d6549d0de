"""Lists from spreadsheets: CSV with a line of names, `plate` and perhaps `reason category severity rules …`."""

import csv
import io
from datetime import UTC, datetime
from typing import Final

from vigie_hub.hotlists.wishes import PlateWish
from vigie_shared.errors import CommandError
from vigie_shared.hotlists.coding import ENTRIES_MAX
from vigie_shared.i18n import gettext as _

COLUMNS: Final = ("plate", "reason", "category", "severity", "rules", "valid_from", "valid_until")
BYTES_MAX: Final = 256 * 1024**2


def wishes_of(data: bytes, *, list_id: str, reason: str) -> list[PlateWish]:
    """Every line as a checked wish; `reason` stands for lines without one. CommandError names the line."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CommandError(_("byte {n}: not UTF-8; save the sheet as “CSV UTF-8”").format(n=error.start)) from error
    head = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=";" if ";" in head else ",")
    names = [(name or "").strip().lower() for name in reader.fieldnames or ()]
    if "plate" not in names or not {*names} <= {*COLUMNS}:
        text = _("line 1: names of columns are needed, plate among them; known are {known}")
        raise CommandError(text.format(known=", ".join(COLUMNS)))
    reader.fieldnames = names
    wishes = []
    for row in reader:
        try:
            wishes.append(_wish(row, list_id, reason).checked())
        except CommandError as error:
            raise CommandError(_("line {n}: {reason}").format(n=reader.line_num, reason=error)) from error
    if len(wishes) > ENTRIES_MAX:
        raise CommandError(_("{n} plates; a list holds {most}").format(n=len(wishes), most=ENTRIES_MAX))
    return wishes


def _wish(row: dict[str, str | None], list_id: str, reason: str) -> PlateWish:
    value = {name: (row.get(name) or "").strip() for name in COLUMNS}
    severity = value["severity"] or "0"
    if not severity.isdecimal():
        raise CommandError(_("severity “{text}” is not a number").format(text=severity))
    return PlateWish(
        value["plate"],
        value["reason"] or reason,
        list_id,
        tuple(rule.strip() for rule in value["rules"].split("+") if rule.strip()),
        value["category"],
        int(severity),
        moment(value["valid_from"]),
        moment(value["valid_until"]),
    )


def moment(text: str) -> datetime | None:
    """A bound as people write it, ISO 8601; UTC where it names no zone. None for an empty text."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(_("time “{text}”: write it as 2026-03-01T12:00Z").format(text=text)) from error
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
