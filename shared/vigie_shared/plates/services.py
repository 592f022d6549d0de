"""Plates of the state: white digits on black, then a red token on white; no region.

`M` or المغرب is the state, ج a commune, ش the police, قس the auxiliary forces, قمم the royal armed forces
(the MoroccoAI task's list). Civil protection and gendarmerie have tokens that no source at hand gives: not read.
"""

from typing import Final

from vigie_shared.plates.grammar import DIGITS, MAYBE_GAP, Field, Grammar, Run
from vigie_shared.plates.plate import PlateKind
from vigie_shared.plates.writing import plain

MOROCCO: Final = "المغرب"
"""Its alef has no hamza, unlike the letter that `writing` takes every alef for."""


def _service(kind: PlateKind, *tokens: str) -> Grammar:
    typed = {" ".join(token): token for token in tokens if len(token) in (2, 3)}
    typed |= {plain(token): token for token in tokens if plain(token) != token}
    return Grammar(
        kind=kind,
        fields={"serial": Field(((Run(DIGITS, 5, 6),),)), "letter": Field.of_words(*tokens, typed=typed)},
        layouts=(("serial", "letter"),),
        orders=(("serial", MAYBE_GAP, "letter"),),
    )


STATE: Final = _service("state", "M", MOROCCO, "ج")
POLICE: Final = _service("police", "ش")
FORCES: Final = _service("forces", "قس", "قمم")
