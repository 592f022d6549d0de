"""Confidence is fitted to what is right, on drawn plates, and kept beside the models."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from training.calibration import NO_PLATE, RIGHT, Example, Examples, Fitness, aligned, fit, logistic, weights, write
from training.street.typefaces import Typefaces
from vigie_agent.plates.calibration import Calibration
from vigie_agent.plates.reader import Reader
from vigie_agent.plates.runtime import MODELS, load_network


def shy(rng: np.random.Generator, count: int, *, is_foreign: bool = False) -> list[Example]:
    """A reader that is right far more often than its shares say."""
    shares = rng.uniform(0.05, 0.95, count)
    odds = np.log(shares / (1 - shares))
    right = rng.random(count) < 1 / (1 + np.exp(-(1.5 + 2 * odds)))
    pairs = zip(shares, right, strict=True)
    return [Example(float(share), 1.0, is_foreign, bool(ok), ((float(share), bool(ok)),)) for share, ok in pairs]


def test_a_shy_reader_is_believed_more() -> None:
    examples = shy(np.random.default_rng(1), 6000) + shy(np.random.default_rng(2), 2000, is_foreign=True)
    fitted = fit(examples, right=None)
    held_out = shy(np.random.default_rng(3), 4000)
    assert Fitness.of(Calibration(), held_out, None).text_error > 0.1
    assert Fitness.of(fitted, held_out, None).text_error < 0.03
    assert Fitness.of(fitted, held_out, None).char_error < 0.03
    assert fitted.confidence(0.5, 1.0) == pytest.approx(1 / (1 + np.exp(-1.5)), abs=0.03)


def told(rng: np.random.Generator, count: int, right: float) -> list[Example]:
    """Reads of which so many are right; what a right one looks like, and a wrong one, does not hang on how many."""
    examples = []
    for _number in range(count):
        ok = bool(rng.random() < right)
        share = float(1 / (1 + np.exp(-rng.normal(3.0 if ok else 0.5, 1.0))))
        examples.append(Example(share, float(rng.uniform(0.1, 1)), False, ok, ((share, ok),)))
    return examples


def test_reads_of_drawings_that_are_harder_than_the_street_are_weighed_to_the_street() -> None:
    rng = np.random.default_rng(7)
    foreign = told(rng, 300, 0.8)
    drawn = told(rng, 8000, 0.7) + [dataclasses.replace(one, is_foreign=True) for one in foreign]
    street = told(rng, 8000, RIGHT)
    assert Fitness.of(fit(drawn, right=None), street, None).text_error > 0.04
    assert Fitness.of(fit(drawn), street, None).text_error < 0.015
    assert Fitness.of(fit(drawn), street, None).char_error < 0.015


def test_weights_give_right_reads_and_what_is_no_plate_their_shares() -> None:
    drawn = told(np.random.default_rng(8), 500, 0.6)
    others = [Example(0.9, 1e-6, False, False, (), is_plate=False)] * 60
    counted = weights([*drawn, *others], 0.95)
    assert counted.mean() == pytest.approx(1)
    assert counted[500:].sum() / counted.sum() == pytest.approx(NO_PLATE)
    right = np.array([one.is_right for one in drawn])
    assert counted[:500][right].sum() / counted[:500].sum() == pytest.approx(0.95)


def test_what_hardly_spells_a_plate_is_believed_to_be_none_however_large_its_share() -> None:
    rng = np.random.default_rng(9)
    drawn = told(rng, 3000, 0.8)
    others = [
        Example(0.99, float(np.exp(rng.normal(-10, 2))), foreign, False, (), is_plate=False)
        for foreign in (False, True)
        for _ in range(200)
    ]
    foreign = [dataclasses.replace(one, is_foreign=True) for one in drawn[:500]]
    fitted = fit([*drawn, *others, *foreign])
    for is_foreign in (False, True):
        assert fitted.confidence(0.99, 1e-7, is_foreign=is_foreign) < 0.2
        assert fitted.confidence(0.99, 0.3, is_foreign=is_foreign) > 0.8


def test_what_is_surer_than_the_limit_is_hardly_ever_wrong() -> None:
    examples = shy(np.random.default_rng(1), 6000) + shy(np.random.default_rng(2), 500, is_foreign=True)
    fitted = fit(examples, right=None)
    fitness = Fitness.of(fitted, examples[:6000], None)
    sure = [one for one in examples[:6000] if fitted.confidence(one.share, one.likelihood) >= fitness.sure_from]
    assert len(sure) > 100
    assert np.mean([not one.is_right for one in sure]) <= 0.01


def test_curve_is_found_through_noise() -> None:
    rng = np.random.default_rng(5)
    values = np.stack([np.ones(20000), rng.normal(0, 1, 20000)], axis=1)
    right = (rng.random(20000) < 1 / (1 + np.exp(-(0.5 - 1.2 * values[:, 1])))).astype(float)
    assert logistic(values, right) == pytest.approx((0.5, -1.2), abs=0.08)


@pytest.mark.parametrize(
    ("read", "truth", "right"),
    [
        ("1234", "1234", [True] * 4),
        ("1284", "1234", [True, True, False, True]),
        ("11234", "1234", [False, True, True, True, True]),
        ("124", "1234", [True, True, True]),
        ("", "12", []),
        ("12", "", [False, False]),
    ],
)
def test_characters_are_right_in_their_places(read: str, truth: str, right: list[bool]) -> None:
    assert aligned(read, truth) in (right, [right[1], right[0], *right[2:]] if len(right) > 1 else right)


def test_what_is_fitted_is_what_the_reader_takes(tmp_path: Path) -> None:
    models = tmp_path / "models"
    shutil.copytree(MODELS, models)
    calibration = Calibration((1.0, 2.0), (3.0, 4.0, 5.0), (6.0, 7.0), (8.0, 9.0, 10.0), (11.0, 12.0))
    for _twice in range(2):
        write(calibration, models)
    assert Calibration.from_table(load_network("reader", models).entry.calibration) == calibration
    listed = (models / "models.toml").read_text(encoding="utf-8")
    assert listed.count("[reader.calibration]") == 1
    assert Reader(models) is not None


def test_examples_are_drawn_alike_each_time_and_some_are_right() -> None:
    examples = Examples(Typefaces.found_in(None))
    first, again = list(examples.draw(12, seed=3)), list(examples.draw(12, seed=3))
    assert first == again
    assert any(one.is_right for one in first)
    assert all(0 <= one.share <= 1 for one in first)
    assert all(len(one.chars) > 2 for one in first if one.is_right)
