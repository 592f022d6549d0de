"""A plate, read or listed: its fields, its canonical text, its text for a screen."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

LEFT_TO_RIGHT_MARK: Final = "\u200e"
_ISOLATE, _ISOLATE_END = "\u2066", "\u2069"

PlateKind = Literal["civil", "ww", "w18", "state", "police", "forces", "moped", "diplomatic", "before2000", "european"]

MOROCCAN: Final[tuple[PlateKind, ...]] = (
    *("civil", "ww", "w18", "state", "police", "forces", "moped", "diplomatic", "before2000"),
)
FOREIGN: Final[tuple[PlateKind, ...]] = ("european",)
ALL_KINDS: Final = (*MOROCCAN, *FOREIGN)


class Plate(BaseModel):
    """A plate. `serial | letter | region` for Moroccan ones, fields that a kind has not left empty.

    `letter` is what stands in the middle: a letter, `WW`, a service's token, `CD`, the series of a plate from before
    2000. A foreign plate is all `serial`, with the sign of its `country` where that is known. Plates come from
    `parse`, which checks them; two plates are the same plate exactly when their `text` is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: PlateKind
    serial: str
    letter: str = ""
    region: int | None = None
    country: str = ""

    @property
    def text(self) -> str:
        """Canonical text in logical order, for storing and comparing: `12345|أ|6`, `552679|WW|`, `CG576FK`."""
        if self.kind in FOREIGN:
            return f"{self.serial}||{self.country}" if self.country else self.serial
        return f"{self.serial}|{self.letter}|{self._region}"

    @property
    def glyphs(self) -> str:
        """The characters drawn, from left to right, rules between fields left out; a moped's on two lines."""
        if self.kind == "moped":
            return f"{self._region}\n{self.serial}"
        if self.kind == "diplomatic":
            return f"{self.letter}{self.serial}-{self._region}"
        if self.kind == "before2000":
            return f"{self.serial}-{self.letter}-{self._region}"
        return f"{self.serial}{self.letter}{self._region}"

    @property
    def lines(self) -> tuple[str, str] | None:
        """The characters drawn on the two lines of a plate in that form; None where there is no such form."""
        if self.kind == "civil":
            return f"{self.letter}{self._region}", self.serial
        if self.kind == "moped":
            return self._region, self.serial
        return None

    @property
    def _region(self) -> str:
        return "" if self.region is None else str(self.region)

    def display(self) -> str:
        """Text for people, the same in Arabic and in Latin surroundings.

        It is an isolate from left to right; a mark after an Arabic letter keeps what follows on its right.
        """
        parts = (self.serial, self.letter, self._region, self.country)
        marked = (part if part.isascii() else part + LEFT_TO_RIGHT_MARK for part in parts if part)
        return f"{_ISOLATE}{' | '.join(marked)}{_ISOLATE_END}"
