"""Flat plates of each kind: ink where the text is, every line inside the plate, texts that the grammars know."""

from collections.abc import Callable

import numpy as np
import pytest

from training.street import plates
from training.street.alphabet import LATIN
from training.street.european import european
from training.street.plates import FlatPlate
from training.street.typefaces import Typefaces
from vigie_shared.plates import from_glyphs

TYPEFACES = Typefaces.found_in(None)
Draw = Callable[[np.random.Generator, Typefaces], FlatPlate]


@pytest.mark.parametrize("draw", [plates.civil, plates.travel, plates.provisional, plates.state, plates.dashed])
def test_one_line_plates_spell_plates_of_the_grammars(draw: Draw) -> None:
    for seed in range(25):
        flat = draw(np.random.default_rng(seed), TYPEFACES)
        (line,) = flat.lines
        assert from_glyphs("".join(line.tokens)) is not None, line.tokens
        assert flat.picture.std() > 5


def test_two_line_plates_spell_plates_from_top_to_bottom() -> None:
    kinds = set()
    for seed in range(25):
        flat = plates.two_line(np.random.default_rng(seed), TYPEFACES)
        above, below = flat.lines
        plate = from_glyphs(f"{''.join(above.tokens)}\n{''.join(below.tokens)}", lines=2)
        assert plate is not None
        assert above.box[3] <= below.box[1]
        kinds.add(plate.kind)
    assert kinds == {"civil", "moped"}


def test_european_plates_are_letters_and_digits_whatever_stands_between() -> None:
    for seed in range(25):
        (line,) = european(np.random.default_rng(seed), TYPEFACES).lines
        assert all(token in LATIN or token.isdigit() for token in line.tokens)


def test_paper_plates_are_printed_in_a_font_of_offices_where_there_is_one() -> None:
    among = Typefaces(("/a/OSP-DIN.ttf", "/a/LiberationSans-Bold.ttf"), ())
    assert {among.printed_font(np.random.default_rng(seed)) for seed in range(20)} == {"/a/LiberationSans-Bold.ttf"}
    assert TYPEFACES.printed_font(np.random.default_rng(1)) in TYPEFACES.latin
