"""What is looked for: a plate, and on which terms. Who looks for it, and why, stays at the hub."""

from datetime import UTC, datetime
from typing import Final, NamedTuple

from vigie_shared.plates.confusions import CONFUSIONS

EXACT: Final = "exact"
"""A read that is sure, of exactly the text that is looked for."""
UNCERTAIN: Final = "uncertain read"
"""A read of exactly the text, but one that the agent is not sure of."""
LOOK_ALIKES: Final = tuple(one.name for one in CONFUSIONS)
"""Names of the rules by which a reader takes one plate for another (`vigie_shared.plates`)."""
RULES: Final = (UNCERTAIN, *LOOK_ALIKES)
"""What an entry may allow beside an exact match, which always counts."""

CATEGORY_PATTERN: Final = r"^[a-z0-9][a-z0-9-]{0,15}$"
SEVERITY_MAX: Final = 9
TEXT_CHARACTERS_MAX: Final = 32
FOREVER: Final = 0


class Terms(NamedTuple):
    """What many entries have in common. Times are seconds since 1970, 0 where there is no such bound."""

    rules: tuple[str, ...] = ()
    category: str = ""
    severity: int = 0
    valid_from: int = FOREVER
    valid_until: int = FOREVER

    def hold_at(self, at: datetime) -> bool:
        """Whether a read of that time counts."""
        second = at.timestamp()
        return second >= self.valid_from and (self.valid_until == FOREVER or second < self.valid_until)


class Entry(NamedTuple):
    """One plate that is looked for; `text` is canonical."""

    text: str
    entry_id: str
    terms: Terms = Terms()


def seconds(at: datetime | None) -> int:
    """A bound as `Terms` keep it."""
    return FOREVER if at is None else int(at.timestamp())


def time_of(bound: int) -> datetime | None:
    """What `seconds` was made of."""
    return None if bound == FOREVER else datetime.fromtimestamp(bound, UTC)
