"""What people and programs write, brought to the characters that plates are compared by."""

import unicodedata
from typing import Final

_UNSEEN: Final = "\u200b\u200c\u200d\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u0640"
"""Bidi marks, joiners, and the tatweel that only stretches a letter."""
_SAME_LETTER: Final = {"ا": "أ", "ھ": "ه", "ہ": "ه", "ى": "ي", "ی": "ي"}
"""Keyboards of other languages, and an alef without its hamza: none of them is another letter of a plate."""
_BARS: Final = {"¦": "|", "│": "|", "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2212": "-"}
_TABLE: Final = str.maketrans({**dict.fromkeys(_UNSEEN, ""), **_SAME_LETTER, **_BARS})


def plain(text: str) -> str:
    """`text` in capitals, with European digits and one shape for each Arabic letter; no two letters become one.

    Presentation forms, Arabic digits, tatweel and bidi marks count as what they stand for (Unicode NFKC).
    """
    composed = " ".join(unicodedata.normalize("NFKC", text).translate(_TABLE).upper().split())
    return "".join(str(unicodedata.decimal(char, char)) for char in composed)
