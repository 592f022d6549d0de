"""Diplomatic and consular plates, black on yellow: the status, then `serial-country`: `CD 12-19`."""

from typing import Final

from vigie_shared.plates.grammar import DIGITS, GAP, MAYBE_GAP, Field, Grammar, Run

STATUSES: Final = ("CD", "CMD", "CC", "PAT", "CI")
"""Corps, its head, consuls, administrative staff, international bodies."""

DIPLOMATIC: Final = Grammar(
    kind="diplomatic",
    fields={
        "letter": Field.of_words(*STATUSES),
        "serial": Field(((Run("1-9"), Run(DIGITS, 0, 3)),)),
        "region": Field(((Run("1-9"), Run(DIGITS, 0, 2)),)),
    },
    layouts=(("letter", "serial", "-", "region"),),
    orders=(("letter", MAYBE_GAP, "serial", GAP, "region"),),
)
