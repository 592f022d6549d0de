"""Plates are drawn left to right with the package's own fonts, every letter different from every other."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from vigie_agent.synthetic.plates import FONTS, HEIGHT_PX, WIDTH_PX, PlateStyle, draw_plate, glyph, random_plate
from vigie_shared.plates import CIVIL_LETTERS, SERVICE_LETTERS, parse


@pytest.mark.parametrize("text", ["1|أ|1", "99999|ش|89", "888888|WW", "10000|WW"])
def test_ink_stays_within_the_plate(text: str) -> None:
    plate = parse(text)
    assert plate is not None
    image = np.asarray(draw_plate(plate, PlateStyle(border_px=0)))
    assert image.shape == (HEIGHT_PX, WIDTH_PX)
    assert image[:, :6].min() > 200
    assert image[:, -6:].min() > 200
    assert image.min() < 40


def test_serial_is_left_of_the_letter_and_the_region_right_of_it() -> None:
    one, other_serial, other_region = (parse(text) for text in ("1111|أ|6", "4111|أ|6", "1111|أ|8"))
    assert one is not None
    assert other_serial is not None
    assert other_region is not None
    middle = WIDTH_PX // 2
    base, serial, region = (np.asarray(draw_plate(plate)).astype(int) for plate in (one, other_serial, other_region))
    assert np.abs(base - serial)[:, :middle].sum() > 0
    assert np.abs(base - region)[:, middle:].sum() > 0
    assert np.abs(base - region)[:, : middle // 2].sum() < np.abs(base - region)[:, middle:].sum()


def test_every_letter_has_ink_and_a_shape_of_its_own() -> None:
    style = PlateStyle()
    shapes = {char: glyph(style.arabic_font, char) for char in CIVIL_LETTERS + SERVICE_LETTERS}
    assert all(shape.getbbox() is not None for shape in shapes.values())
    assert all(one.tobytes() != other.tobytes() for one, other in combinations(shapes.values(), 2))


def test_fonts_travel_with_their_licence() -> None:
    names = {path.name for path in Path(FONTS).iterdir()}
    licence = (FONTS / "OFL.txt").read_text(encoding="utf-8")
    assert all(name in licence for name in names if name.endswith(".ttf"))
    assert "SIL OPEN FONT LICENSE" in licence
    assert sum(path.stat().st_size for path in FONTS.glob("*.ttf")) < 40_000


def test_random_plates_are_plates_and_cover_the_grammar() -> None:
    rng = np.random.default_rng(2)
    plates = [random_plate(rng) for _ in range(3000)]
    assert all(parse(plate.text) == plate for plate in plates)
    assert {plate.letter for plate in plates} == {*CIVIL_LETTERS, *SERVICE_LETTERS, "WW"}
    assert {plate.region for plate in plates if plate.region} == set(range(1, 90))
    assert {len(plate.serial) for plate in plates} == {1, 2, 3, 4, 5, 6}
