"""Which texts are Moroccan plates. Nothing is guessed: a text that breaks a rule is no plate.

Civil plates (since 2000) are `serial | letter | region`: 1 to 5 digits without leading zero, one Arabic letter,
a prefecture from 1 to 89. Provisional ones are 5 or 6 digits and WW. Vehicles that travel abroad carry a Latin
letter for the Arabic one (order 2711-10 of 2010, art. 28), read here as the same plate.
"""

import re
import unicodedata

from vigie_shared.plates.plate import LEFT_TO_RIGHT_MARK, Plate

CIVIL_LETTERS = "أبدهوطي"
SERVICE_LETTERS = "جش"

_LATIN_LETTERS = dict(zip("ABDHETY", CIVIL_LETTERS, strict=True))
_SERIAL_DIGITS_MAX = 5
_WW_DIGITS_MAX = 6
_REGION = r"[1-9]|[1-8][0-9]"
_GAP = r"(?:\s*[|-]\s*|\s+|)"
_MARKS = str.maketrans("", "", f"{LEFT_TO_RIGHT_MARK}\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069\u0640")

_CIVIL = re.compile(
    rf"(?P<serial>[1-9][0-9]{{0,4}}){_GAP}(?P<letter>[{CIVIL_LETTERS}{SERVICE_LETTERS}ABDHETY]){_GAP}(?P<region>{_REGION})"
)
_WW = re.compile(rf"(?P<serial>[0-9]{{5,6}}){_GAP}WW")
_BEGINS_WW = re.compile(r"[0-9]{1,4}|[0-9]{5,6}W{0,2}")
_BEGINS_CIVIL = re.compile(rf"[1-9][0-9]{{0,4}}(?:[{CIVIL_LETTERS}{SERVICE_LETTERS}](?:{_REGION}|[1-8])?)?")


def parse(text: str) -> Plate | None:
    """The plate that `text` spells, or None.

    Separators may be `|`, `-` or spaces around the letter, or nothing. Arabic presentation forms, Arabic digits,
    bidi marks and Latin letters of travel plates count as what they stand for.
    """
    plain = unicodedata.normalize("NFKC", text).translate(_MARKS).strip().upper()
    plain = "".join(str(unicodedata.decimal(char, char)) for char in plain)
    if found := _CIVIL.fullmatch(plain):
        letter = _LATIN_LETTERS.get(found["letter"], found["letter"])
        return Plate(kind="civil", serial=found["serial"], letter=letter, region=int(found["region"]))
    if found := _WW.fullmatch(plain):
        return Plate(kind="ww", serial=found["serial"], letter="WW")
    return None


def could_begin(glyphs: str) -> bool:
    """Whether some plate, written without separators, begins with `glyphs`: what prunes a reader's beam."""
    if not glyphs:
        return True
    return bool(_BEGINS_CIVIL.fullmatch(glyphs) or _BEGINS_WW.fullmatch(glyphs))
