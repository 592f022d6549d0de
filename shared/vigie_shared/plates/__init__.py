"""Plates as both sides write them: the grammar, and one canonical text per plate."""

from vigie_shared.plates.grammar import CIVIL_LETTERS, SERVICE_LETTERS, could_begin, parse
from vigie_shared.plates.plate import Plate, PlateKind

__all__ = ["CIVIL_LETTERS", "SERVICE_LETTERS", "Plate", "PlateKind", "could_begin", "parse"]
