"""Plates of vehicles not yet registered: WW, and W18 of dealers and garages.

WW is a serial of 5 or 6 digits (45 of 45 seen have 6). No rule is at hand for the serial of W18: 1 to 6 digits.
"""

from typing import Final

from vigie_shared.plates.grammar import DIGITS, MAYBE_GAP, Field, Grammar, Run
from vigie_shared.plates.plate import PlateKind


def _followed_by(kind: PlateKind, token: str, digits_least: int) -> Grammar:
    return Grammar(
        kind=kind,
        fields={"serial": Field(((Run(DIGITS, digits_least, 6),),)), "letter": Field.of_words(token)},
        layouts=(("serial", "letter"),),
        orders=(("serial", MAYBE_GAP, "letter"),),
    )


WW: Final = _followed_by("ww", "WW", 5)
W18: Final = _followed_by("w18", "W18", 1)
