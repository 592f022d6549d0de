"""What someone wants to be looked for, checked: a plate, a reason, and terms."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from re import fullmatch
from typing import Final

from vigie_shared.errors import CommandError
from vigie_shared.hotlists.entries import (
    CATEGORY_PATTERN,
    RULES,
    SEVERITY_MAX,
    TEXT_CHARACTERS_MAX,
    Terms,
    seconds,
)
from vigie_shared.i18n import gettext as _
from vigie_shared.ids import is_name
from vigie_shared.plates import FOREIGN, parse

REASON_CHARACTERS_MAX: Final = 300
MAIN_LIST: Final = "main"


def canonical(text: str) -> tuple[str, bool]:
    """The text under which a plate is compared, and whether its country is known.

    A foreign plate is kept as the agents would read it: capitals and digits, without its country. Raises CommandError
    where there is no plate.
    """
    plate = parse(text)
    if plate is not None:
        return plate.text, True
    if abroad := parse(text, FOREIGN):
        return abroad.serial, False
    foreign = "".join(unicodedata.normalize("NFKC", text).upper().split())
    if not foreign or len(foreign) > TEXT_CHARACTERS_MAX or not any(char.isalnum() for char in foreign):
        raise CommandError(_("plate: 1 to {most} letters and digits").format(most=TEXT_CHARACTERS_MAX))
    return foreign, False


@dataclass(frozen=True)
class PlateWish:
    """One plate to look for; all but `text` and `reason` have defaults. `rules` are those beside an exact match."""

    text: str
    reason: str
    list_id: str = MAIN_LIST
    rules: tuple[str, ...] = ()
    category: str = ""
    severity: int = 0
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    def checked(self) -> "PlateWish":
        """With its canonical text; raises CommandError, one line, where it cannot be."""
        text, _known = canonical(self.text)
        if not self.reason.strip() or len(self.reason) > REASON_CHARACTERS_MAX:
            raise CommandError(_("reason: 1 to {most} characters").format(most=REASON_CHARACTERS_MAX))
        if not is_name(self.list_id):
            raise CommandError(_("list “{name}”: a-z, 0-9 and -, 32 at most").format(name=self.list_id))
        if unknown := next((rule for rule in self.rules if rule not in RULES), None):
            raise CommandError(
                _("rule “{rule}” is unknown; there are: {known}").format(rule=unknown, known=", ".join(RULES))
            )
        if self.category and not fullmatch(CATEGORY_PATTERN, self.category):
            raise CommandError(_("category “{name}”: a-z, 0-9 and -, 16 at most").format(name=self.category))
        if not 0 <= self.severity <= SEVERITY_MAX:
            raise CommandError(_("severity: 0 to {most}").format(most=SEVERITY_MAX))
        if self.valid_from and self.valid_until and self.valid_from >= self.valid_until:
            raise CommandError(_("valid until: it must be after valid from"))
        rules = tuple(rule for rule in RULES if rule in self.rules)
        return PlateWish(
            text, self.reason, self.list_id, rules, self.category, self.severity, self.valid_from, self.valid_until
        )

    @property
    def terms(self) -> Terms:
        """As the edge gets them."""
        return Terms(self.rules, self.category, self.severity, seconds(self.valid_from), seconds(self.valid_until))
