"""Plates of other countries, as far as one rule can tell them: 4 to 8 capital letters and digits, a letter at least.

It knows no country's series. What has the outline of a Moroccan plate in Latin letters (`12345A6`) is left to the
Moroccan grammar, right or wrong, so that a misread Moroccan plate never passes for a foreign one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from vigie_shared.plates.civil import LATIN_LETTERS
from vigie_shared.plates.grammar import DIGITS, Field, Grammar, Run, Shape
from vigie_shared.plates.plate import Plate

CHARS_LEAST: Final = 4
CHARS_MOST: Final = 8
_LETTERS: Final = "A-ZÄÖÜ"
_MOROCCAN: Final = "".join(LATIN_LETTERS)
_OTHER: Final = f"{''.join(sorted(set('ABCDEFGHIJKLMNOPQRSTUVWXYZ') - set(LATIN_LETTERS)))}ÄÖÜ"
_BOTH: Final = _LETTERS + DIGITS
_LEADING_DIGITS_MOST: Final = 5
_BETWEEN: Final = re.compile(r"[ .·:-]+")
_WRITTEN: Final = re.compile(rf"(?P<serial>[{_BOTH}]+)(?: *\|{{1,2}} *(?P<country>[A-Z]{{1,3}}))?")


def _shapes() -> Iterator[Shape]:
    yield Run(_LETTERS), Run(_BOTH, CHARS_LEAST - 1, CHARS_MOST - 1)
    for count in range(1, _LEADING_DIGITS_MOST + 1):
        digits, least, most = Run(DIGITS, count, count), CHARS_LEAST - count - 1, CHARS_MOST - count - 1
        yield digits, Run(_OTHER), Run(_BOTH, max(0, least), most)
        yield from _unlike_moroccan((digits, Run(_MOROCCAN)), least, most)


def _unlike_moroccan(start: Shape, least: int, most: int) -> Iterator[Shape]:
    """Tails after a Moroccan letter that are not one or two digits."""
    if least <= 0:
        yield start
    if least <= 1 <= most:
        yield *start, Run(_LETTERS)
    if least <= 2 <= most:
        yield *start, Run(_LETTERS), Run(_BOTH)
        yield *start, Run(DIGITS), Run(_LETTERS)
    if most >= 3:
        yield *start, Run(_BOTH, max(3, least), most)


@dataclass(frozen=True)
class _European(Grammar):
    """A grammar of one field, in which people write spaces, dots and hyphens anywhere; `||F` names a country."""

    def parse(self, plain: str) -> Plate | None:
        """The plate, with its country where that is written."""
        found = _WRITTEN.fullmatch(_BETWEEN.sub("", plain))
        plate = self.from_glyphs(found["serial"]) if found else None
        return plate.model_copy(update={"country": found["country"] or ""}) if found and plate else None


EUROPEAN: Final = _European(
    kind="european",
    fields={"serial": Field(tuple(_shapes()))},
    layouts=(("serial",),),
    orders=(),
)
