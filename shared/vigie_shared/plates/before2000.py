"""Plates from before 2000, all digits: `1234-56 | 7`, a serial, its series and one of nine regions. Few are left."""

from typing import Final

from vigie_shared.plates.grammar import DIGITS, GAP, Field, Grammar, Run

BEFORE_2000: Final = Grammar(
    kind="before2000",
    fields={
        "serial": Field(((Run("1-9"), Run(DIGITS, 0, 3)),)),
        "letter": Field(((Run("1-9"), Run(DIGITS, 0, 1)),)),
        "region": Field(((Run("1-9"),),)),
    },
    layouts=(("serial", "-", "letter", "-", "region"),),
    orders=(("serial", GAP, "letter", GAP, "region"),),
)
