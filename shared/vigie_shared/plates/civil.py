"""Civil plates since 2000: `serial | letter | region`, on one line or two, and as they travel abroad.

A serial has 1 to 5 digits without leading zero; letters came into use in the order أ ب د ه و ط ي; regions are the
prefectures 1 to 89. Abroad a plate carries the letter's Latin equivalent (order 2711-10 of 2010, art. 28), alone or
beside the Arabic one, and the sign MA: the same plate, not another kind.
"""

from typing import Final

from vigie_shared.plates.grammar import DIGITS, MAYBE_GAP, REGION, Field, Grammar, Run

CIVIL_LETTERS: Final = "أبدهوطي"
SERVICE_LETTERS: Final = "جش"
LATIN_LETTERS: Final = dict(zip("ABDHETY", CIVIL_LETTERS, strict=True))
"""Latin to Arabic; و is E, not W."""

_TRAVELLING = {
    **LATIN_LETTERS,
    **{arabic + latin: arabic for latin, arabic in LATIN_LETTERS.items()},
    **{latin + arabic: arabic for latin, arabic in LATIN_LETTERS.items()},
}
_SPACED = {" ".join(pair): arabic for pair, arabic in _TRAVELLING.items() if len(pair) == 2}
_SIGN = f"(?:{MAYBE_GAP}MA)?"

CIVIL: Final = Grammar(
    kind="civil",
    fields={
        "serial": Field(((Run("1-9"), Run(DIGITS, 0, 4)),)),
        "letter": Field.of_words(*CIVIL_LETTERS, *SERVICE_LETTERS, drawn=_TRAVELLING, typed=_SPACED),
        "region": Field(REGION),
    },
    layouts=(("serial", "letter", "region"), ("letter", "region", "\n", "serial")),
    orders=(("serial", MAYBE_GAP, "letter", MAYBE_GAP, "region", _SIGN),),
)
