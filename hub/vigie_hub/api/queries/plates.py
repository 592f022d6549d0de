"""Plates by their fields, for those who show them."""

from vigie_hub.api.models import Plate
from vigie_shared.plates import parse


def plate_of(text: str) -> Plate:
    """The fields of a canonical text; a moped's plate has no letter, a foreign one no fields."""
    plate = parse(text)
    if plate is None:
        return Plate(text=text, serial=None, letter=None, region=None)
    return Plate(text=text, serial=plate.serial, letter=plate.letter or None, region=plate.region)
