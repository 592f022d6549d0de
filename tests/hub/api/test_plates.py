"""Plates of every kind by their fields, and on the page."""

import re

import pytest

from vigie_hub.api.queries.plates import plate_of
from vigie_hub.ui import environment


def shown(text: str) -> list[str]:
    """What the page shows of a plate, part by part from left to right."""
    parts = environment._ENVIRONMENTS["ar"].get_template("parts.html").module
    html = str(parts.plate_text(plate_of(text)))  # type: ignore[attr-defined]
    assert 'dir="ltr"' in html
    return re.findall(r"<bdi[^>]*>([^<]*)</bdi>", html)


@pytest.mark.parametrize(
    ("text", "fields", "parts"),
    [
        ("12345|أ|6", ("12345", "أ", 6), ["12345", "أ", "6"]),
        ("552679|WW|", ("552679", "WW", None), ["552679", "WW"]),
        ("200047|المغرب|", ("200047", "المغرب", None), ["200047", "المغرب"]),
        ("013353||8", ("013353", None, 8), ["013353", "8"]),
        ("12|CD|19", ("12", "CD", 19), ["12", "CD", "19"]),
        ("AB123CD", (None, None, None), ["AB123CD"]),
    ],
)
def test_a_plate_is_shown_by_the_fields_it_has(
    text: str, fields: tuple[str | None, str | None, int | None], parts: list[str]
) -> None:
    plate = plate_of(text)
    assert (plate.text, (plate.serial, plate.letter, plate.region)) == (text, fields)
    assert shown(text) == parts
