"""Plates as both sides write them: the grammars, one canonical text per plate, and what may be taken for what."""

from vigie_shared.plates.automaton import State
from vigie_shared.plates.civil import CIVIL_LETTERS, SERVICE_LETTERS
from vigie_shared.plates.matching import Match, matches
from vigie_shared.plates.plate import ALL_KINDS, FOREIGN, MOROCCAN, Plate, PlateKind
from vigie_shared.plates.registry import beginning, could_begin, from_glyphs, parse

__all__ = [
    "ALL_KINDS",
    "CIVIL_LETTERS",
    "FOREIGN",
    "MOROCCAN",
    "SERVICE_LETTERS",
    "Match",
    "Plate",
    "PlateKind",
    "State",
    "beginning",
    "could_begin",
    "from_glyphs",
    "matches",
    "parse",
]
