"""A family of plates described once: what is drawn, what is written, and what may begin one all follow from it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from vigie_shared.plates.plate import Plate, PlateKind

GAP: Final = r"(?: *[|/-] *| +)"
"""What people write between two fields."""
MAYBE_GAP: Final = f"{GAP}?"
DIGITS: Final = "0-9"

_BAR: Final = r" *\| *"
_NAMES: Final = ("serial", "letter", "region")


@dataclass(frozen=True)
class Run:
    """`least` to `most` characters of a class, written as inside the brackets of a regular expression."""

    chars: str
    least: int = 1
    most: int = 1

    @property
    def pattern(self) -> str:
        """A regular expression of it."""
        return f"[{self.chars}]{{{self.least},{self.most}}}"


Shape = tuple[Run, ...]
"""One run after the other."""


def word(text: str) -> Shape:
    """Exactly `text`."""
    return tuple(Run(re.escape(char)) for char in text)


REGION: Final[tuple[Shape, ...]] = ((Run("1-9"),), (Run("1-8"), Run(DIGITS)))
"""Prefectures, 1 to 89."""


@dataclass(frozen=True)
class Field:
    """The shapes that a field is drawn in; the spellings, drawn or only `typed`, that stand for something else."""

    shapes: tuple[Shape, ...]
    drawn: Mapping[str, str] = field(default_factory=dict)
    typed: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_words(
        cls, *words: str, drawn: Mapping[str, str] | None = None, typed: Mapping[str, str] | None = None
    ) -> "Field":
        """One of `words`, or of the other spellings."""
        return cls(tuple(word(text) for text in (*words, *(drawn or {}))), drawn or {}, typed or {})

    def pattern(self, *, typed: bool) -> str:
        """A regular expression of what may be drawn, or typed."""
        shapes = ["".join(run.pattern for run in shape) for shape in self.shapes]
        return "|".join([*shapes, *(re.escape(text) for text in self.typed)] if typed else shapes)

    def canonical(self, spelled: str) -> str:
        """What `spelled` stands for."""
        return self.typed.get(spelled) or self.drawn.get(spelled, spelled)


Layout = tuple[str, ...]
"""Names of fields in the order in which they are read off a plate, the hyphens drawn between them, and a newline where
the next line begins."""


@dataclass(frozen=True)
class Grammar:
    """One kind of plate: the `layouts` drawn, and the `orders` written: names of fields, and patterns between them."""

    kind: PlateKind
    fields: Mapping[str, Field]
    layouts: tuple[Layout, ...]
    orders: tuple[tuple[str, ...], ...]

    def parse(self, plain: str) -> Plate | None:
        """The plate that `plain` text (`writing.plain`) spells in canonical form or in one of the orders, or None."""
        return self._first(self._written, plain)

    def from_glyphs(self, glyphs: str, lines: int = 1) -> Plate | None:
        """The plate drawn as `glyphs`, nothing left out and nothing added; a newline lies between two lines."""
        return self._first(self._drawn.get(lines, ()), glyphs)

    def chains(self, lines: int = 1) -> list[Shape]:
        """Every sequence of runs that is drawn on that many lines, a newline between two of them."""
        return [chain for layout in self.layouts if _lines(layout) == lines for chain in self._chains(layout)]

    def _first(self, patterns: Sequence[re.Pattern[str]], text: str) -> Plate | None:
        for pattern in patterns:
            if found := pattern.fullmatch(text):
                return self._plate(found.groupdict())
        return None

    def _plate(self, spelled: Mapping[str, str]) -> Plate:
        values = {name: one.canonical(spelled[name]) for name, one in self.fields.items()}
        region = int(values["region"]) if "region" in values else None
        return Plate(kind=self.kind, serial=values["serial"], letter=values.get("letter", ""), region=region)

    @cached_property
    def _written(self) -> tuple[re.Pattern[str], ...]:
        orders = (*self.orders, ("serial", _BAR, "letter", _BAR, "region"))
        return tuple(re.compile("".join(self._part(part, typed=True) for part in order)) for order in orders)

    @cached_property
    def _drawn(self) -> Mapping[int, tuple[re.Pattern[str], ...]]:
        drawn: dict[int, tuple[re.Pattern[str], ...]] = {}
        for layout in self.layouts:
            pattern = "".join(self._part(part, typed=False) for part in layout)
            drawn[_lines(layout)] = (*drawn.get(_lines(layout), ()), re.compile(pattern))
        return drawn

    def _part(self, part: str, *, typed: bool) -> str:
        if part in self.fields:
            return f"(?P<{part}>{self.fields[part].pattern(typed=typed)})"
        return "" if part in _NAMES else part

    def _chains(self, layout: Layout) -> list[Shape]:
        """Every sequence of runs that the layout can be drawn as."""
        chains: list[Shape] = [()]
        for part in layout:
            shapes = self.fields[part].shapes if part in self.fields else (word(part),)
            chains = [(*chain, *shape) for chain in chains for shape in shapes]
        return chains


def _lines(layout: Layout) -> int:
    return 1 + layout.count("\n")
