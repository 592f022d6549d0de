"""A plate, read or listed: its fields, its canonical text, its text for a screen."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

LEFT_TO_RIGHT_MARK = "\u200e"

PlateKind = Literal["civil", "ww"]


class Plate(BaseModel):
    """A Moroccan plate. `civil` is `serial | letter | region`, `ww` (provisional) a serial followed by WW.

    Plates come from `parse`, which checks them; two plates are the same plate exactly when their `text` is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: PlateKind
    serial: str
    letter: str
    region: int | None = None

    @property
    def text(self) -> str:
        """Canonical text in logical order, for storing and comparing: `12345|أ|6`, `552679|WW`."""
        tail = "" if self.region is None else f"|{self.region}"
        return f"{self.serial}|{self.letter}{tail}"

    @property
    def glyphs(self) -> str:
        """The characters drawn on the plate from left to right, separators left out."""
        return f"{self.serial}{self.letter}{'' if self.region is None else self.region}"

    def display(self) -> str:
        """Text for people: a left-to-right mark keeps the region on the right of an Arabic letter."""
        if self.region is None:
            return f"{self.serial} {self.letter}"
        return f"{self.serial} | {self.letter}{LEFT_TO_RIGHT_MARK} | {self.region}"
