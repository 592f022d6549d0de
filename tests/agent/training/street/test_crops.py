"""Street crops say what is drawn on them, in classes that the reader has, the same for the same seed."""

from collections import Counter
from functools import lru_cache

import numpy as np

from training.street.alphabet import LABEL_LENGTH, TOKENS, class_numbers
from training.street.crops import CROP_HEIGHT_PX, CROP_WIDTH_PX, DrawStreetCrop, draw_crop
from training.street.typefaces import Typefaces

TYPEFACES = Typefaces.found_in(None)


@lru_cache(maxsize=1)
def many_labels() -> list[tuple[str, ...]]:
    return [draw_crop(np.random.default_rng((5, number)), TYPEFACES)[1] for number in range(120)]


def test_a_seed_draws_the_same_crop_again() -> None:
    one, other, different = (draw_crop(np.random.default_rng(seed), TYPEFACES) for seed in (1, 1, 2))
    assert np.array_equal(one[0], other[0])
    assert one[1] == other[1]
    assert not np.array_equal(one[0], different[0])


def test_samples_are_crops_of_the_readers_size_with_labels_filled_up() -> None:
    crop, numbers = DrawStreetCrop.with_fonts(None)(np.random.default_rng(3))
    assert crop.shape == (CROP_HEIGHT_PX, CROP_WIDTH_PX)
    assert crop.dtype == np.uint8
    assert numbers.shape == (LABEL_LENGTH,)
    assert numbers.max() < len(TOKENS)


def test_every_label_has_its_classes_and_some_crops_say_nothing() -> None:
    labels = many_labels()
    assert all(len(class_numbers(label)) == LABEL_LENGTH for label in labels)
    assert () in labels
    assert {"M", "W", "ه", "ط", "المغرب"} <= {token for label in labels for token in label}


def test_no_region_and_no_letter_is_drawn_oftener_than_the_others() -> None:
    rng = np.random.default_rng(6)
    from training.street.plates import civil

    plates = [civil(rng, TYPEFACES).lines[0].tokens for _ in range(450)]
    letters = Counter(token for tokens in plates for token in tokens if not token.isascii())
    assert len(letters) == 9
    assert max(letters.values()) < 90
    tens = Counter("".join(tokens).partition(next(t for t in tokens if not t.isascii()))[2] for tokens in plates)
    assert max(tens.values()) < 20
