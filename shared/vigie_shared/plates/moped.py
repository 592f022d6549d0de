"""Mopeds and small motorcycles: the region above, 6 digits with leading zeros below, no letter."""

from typing import Final

from vigie_shared.plates.grammar import DIGITS, GAP, REGION, Field, Grammar, Run

MOPED: Final = Grammar(
    kind="moped",
    fields={"serial": Field(((Run(DIGITS, 6, 6),),)), "region": Field(REGION)},
    layouts=(("region", "\n", "serial"),),
    orders=(("serial", GAP, "region"), ("region", GAP, "serial")),
)
