"""All grammars, in the order in which they may claim a text: Moroccan ones first, the generic foreign one last.

No two Moroccan grammars claim one text. The foreign one claims some that are Moroccan too (`183264M`, `552679WW`,
`CD12-19` without its hyphen): there the Moroccan one has it.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from vigie_shared.plates.automaton import Automaton, State
from vigie_shared.plates.before2000 import BEFORE_2000
from vigie_shared.plates.civil import CIVIL
from vigie_shared.plates.diplomatic import DIPLOMATIC
from vigie_shared.plates.european import EUROPEAN
from vigie_shared.plates.grammar import Grammar
from vigie_shared.plates.moped import MOPED
from vigie_shared.plates.plate import MOROCCAN, Plate, PlateKind
from vigie_shared.plates.provisional import W18, WW
from vigie_shared.plates.services import FORCES, POLICE, STATE
from vigie_shared.plates.writing import plain

GRAMMARS: Final[tuple[Grammar, ...]] = (
    *(CIVIL, WW, W18, STATE, POLICE, FORCES, MOPED, DIPLOMATIC, BEFORE_2000),
    EUROPEAN,
)


def parse(text: str, kinds: Iterable[PlateKind] = MOROCCAN) -> Plate | None:
    """The plate of one of `kinds` that `text` spells, or None.

    Fields may be parted by `|`, `-`, `/` or spaces, or by nothing where no digit meets a digit. What spellings count
    as one is in `writing` and in each grammar.
    """
    known, written = tuple(kinds), plain(text)
    return next((plate for one in GRAMMARS if one.kind in known and (plate := one.parse(written))), None)


def from_glyphs(glyphs: str, kinds: Iterable[PlateKind] = MOROCCAN, lines: int = 1) -> Plate | None:
    """The plate drawn as exactly `glyphs` (`Plate.glyphs`, or `Plate.lines` with a newline between), or None."""
    known = tuple(kinds)
    return next((plate for one in GRAMMARS if one.kind in known and (plate := one.from_glyphs(glyphs, lines))), None)


def could_begin(glyphs: str, kinds: Iterable[PlateKind] = MOROCCAN, lines: int = 1) -> bool:
    """Whether some plate of `kinds` is drawn as `glyphs` and perhaps more. Exact."""
    state = beginning(tuple(kinds), lines)
    for glyph in glyphs:
        state = state and state.after(glyph)
    return state is not None


def claiming(text: str) -> list[PlateKind]:
    """The kinds whose grammar takes `text` for its own, those that have it first."""
    written = plain(text)
    return [one.kind for one in GRAMMARS if one.parse(written)]


@lru_cache(maxsize=128)
def beginning(kinds: tuple[PlateKind, ...], lines: int = 1) -> State | None:
    """The state in which nothing of a plate of `kinds` is drawn yet; None where they have no such form."""
    chains = [chain for one in GRAMMARS if one.kind in kinds for chain in one.chains(lines)]
    return Automaton(chains).start if chains else None
