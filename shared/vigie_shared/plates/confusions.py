"""What a reader takes for what, each rule by its name.

All were seen on real crops; 0/O and 1/I are one shape in many typefaces. A و read as ق needs no rule: no grammar has
the one where another has the other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from vigie_shared.plates.plate import FOREIGN, Plate


@dataclass(frozen=True)
class Confusion:
    """A rule: whether `read` may be what a reader makes of `wanted`."""

    name: str
    explains: Callable[[Plate, Plate], bool]


def _taken_for(first: str, second: str, *, everywhere: bool = False) -> Confusion:
    """Two characters alike: in one place, or in as many as there are where their shapes are the same."""

    def explains(read: Plate, wanted: Plate) -> bool:
        if len(read.text) != len(wanted.text):
            return False
        differing = [{one, other} for one, other in zip(read.text, wanted.text, strict=True) if one != other]
        return all(pair == {first, second} for pair in differing) and (everywhere or len(differing) == 1)

    return Confusion(f"{first}/{second}", explains)


def _bar_read_as_one(read: Plate, wanted: Plate) -> bool:
    """A rule or the plate's edge, beside a field, became a 1 of that field."""
    if read.kind != wanted.kind or read.letter != wanted.letter or wanted.region is None or read.region is None:
        return False
    serial_grew = read.serial in (f"{wanted.serial}1", f"1{wanted.serial}") and read.region == wanted.region
    region_grew = str(read.region) in (f"{wanted.region}1", f"1{wanted.region}") and read.serial == wanted.serial
    return serial_grew or region_grew


def _band_letter_read(read: Plate, wanted: Plate) -> bool:
    """The country's letter on the blue band became the first of the registration."""
    return {read.kind, wanted.kind} <= {*FOREIGN} and len(read.serial) > 1 and read.serial[1:] == wanted.serial


def _country_unknown(read: Plate, wanted: Plate) -> bool:
    return (
        read.serial == wanted.serial
        and {read.kind, wanted.kind} <= {*FOREIGN}
        and not (read.country and wanted.country)
    )


CONFUSIONS: Final = (
    _taken_for("0", "O", everywhere=True),
    _taken_for("1", "I", everywhere=True),
    _taken_for("8", "B"),
    _taken_for("0", "D"),
    _taken_for("6", "5"),
    _taken_for("9", "3"),
    _taken_for("1", "أ"),
    _taken_for("و", "د"),
    _taken_for("د", "ب"),
    Confusion("bar read as 1", _bar_read_as_one),
    Confusion("1 read as bar", lambda read, wanted: _bar_read_as_one(wanted, read)),
    Confusion("band letter read", _band_letter_read),
    Confusion("country unknown", _country_unknown),
)
