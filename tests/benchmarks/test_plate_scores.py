"""The figures of `vigie bench plates` say what their names say."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks._pictures import Truth, labelled
from tests.benchmarks._scores import (
    Outcome,
    calibration_error,
    cases,
    cause,
    distance,
    error_by_chance,
    figures,
    wrong_among_surest,
)
from vigie_agent.synthetic.film import render_scene
from vigie_agent.synthetic.plates import draw_plate
from vigie_agent.synthetic.scenes import crossing, gate
from vigie_shared import bench
from vigie_shared.errors import CommandError
from vigie_shared.plates import parse


def outcome(truth: str, *texts: str, confidence: float = 0.9, **fields: object) -> Outcome:
    values = {"kind": "ma-std", "lines": 1, "width_px": 100.0, "detected": None} | fields
    return Outcome("a.jpg", truth, texts=texts, confidence=confidence, **values)  # type: ignore[arg-type]


def of(outcomes: list[Outcome]) -> dict[str, float]:
    return {one.metric: one.value for one in figures("set", outcomes)}


def test_exact_is_the_first_read_and_nothing_folded() -> None:
    found = of([outcome("RK6O5AB", "RK605AB"), outcome("4|ب|7", "4|ب|7"), outcome("4|ب|7", "4|ب|9", "4|ب|7")])
    assert found["exact_ratio"] == pytest.approx(1 / 3)
    assert found["exact_folded_ratio"] == pytest.approx(2 / 3)
    assert found["top5_ratio"] == pytest.approx(2 / 3)


def test_what_is_not_read_counts_as_wrong_and_all_its_characters_as_errors() -> None:
    found = of([outcome("4|ب|72"), outcome("4|ب|7", "4|ب|7")])
    assert (found["plates"], found["exact_ratio"], found["wrong_at_80_ratio"]) == (2, 0.5, 0)
    assert found["char_error_ratio"] == pytest.approx(6 / 11)


def test_detection_counts_only_where_something_was_sought() -> None:
    assert "detected_ratio" not in of([outcome("4|ب|7", "4|ب|7")])
    assert of([outcome("A1BC", detected=True), outcome("A1BC", detected=False)])["detected_ratio"] == 0.5


def test_a_country_that_no_read_names_is_not_asked_for() -> None:
    assert outcome("CG576FK||F", "CG576FK").is_exact
    assert not outcome("013353||8", "013353").is_exact


def test_surest_four_fifths_leave_out_what_is_least_sure() -> None:
    reads = [outcome("4|ب|7", "4|ب|7", confidence=0.9)] * 8 + [outcome("4|ب|7", "4|ب|9", confidence=0.2)] * 2
    assert wrong_among_surest(reads) == 0
    sure_and_wrong = [outcome("4|ب|7", "4|ب|9", confidence=0.99)] * 2 + reads[:8]
    assert wrong_among_surest(sure_and_wrong) == pytest.approx(2 / 8)


def test_calibration_error_is_the_gap_between_confidence_and_truth() -> None:
    half_right = [outcome("4|ب|7", "4|ب|7", confidence=0.95), outcome("4|ب|7", "4|ب|9", confidence=0.95)]
    assert calibration_error(half_right) == pytest.approx(0.45)
    assert calibration_error([outcome("4|ب|7", "4|ب|7", confidence=1.0)]) == 0


def test_few_reads_seem_ill_calibrated_even_where_each_confidence_is_honest() -> None:
    rng = np.random.default_rng(3)
    chances = rng.uniform(0.5, 1, 60)

    def reads() -> list[Outcome]:
        texts = ("4|ب|7" if rng.random() < chance else "4|ب|9" for chance in chances)
        return [outcome("4|ب|7", text, confidence=chance) for text, chance in zip(texts, chances, strict=True)]

    drawn = [calibration_error(reads()) for _ in range(400)]
    by_chance = error_by_chance(reads())
    assert by_chance == pytest.approx(np.mean(drawn), rel=0.1)
    assert by_chance > 0.05


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [("", "", 0), ("abc", "", 3), ("12345", "1245", 1), ("12", "21", 2), ("115AN", "I15AN", 1)],
)
def test_distance_counts_edits(one: str, other: str, apart: int) -> None:
    assert distance(one, other) == distance(other, one) == apart


def test_cases_are_the_set_its_kinds_its_lines_and_its_widths() -> None:
    outcomes = [outcome("4|ب|7"), outcome("4|ب|7", lines=2, width_px=90.0), outcome("013353||8", kind="moped", lines=2)]
    sizes = {name: len(part) for name, part in cases("crops", outcomes)}
    assert sizes == {
        "crops": 3,
        "crops/ma-std": 2,
        "crops/ma-std/lines-1": 1,
        "crops/ma-std/lines-2": 1,
        "crops/moped": 1,
        "crops/width-80": 3,
    }


@pytest.mark.parametrize(
    ("text", "canonical"),
    [("552679|WW|", "552679|WW|"), ("RK6O5AB", "RK6O5AB"), ("00256M1", "00256M1"), ("78188", "78188")],
)
def test_truth_is_compared_in_its_canonical_form(text: str, canonical: str) -> None:
    assert Truth(text, "any").canonical == canonical


def test_a_folder_of_pictures_is_measured_and_its_failures_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Crops that are all plate: one labelled truly, one falsely."""
    folder = tmp_path / "crops"
    folder.mkdir()
    plate = parse("70123|ب|72")
    assert plate is not None
    for name in ("true.png", "false.png"):
        draw_plate(plate).save(folder / name)
    rows = ["true.png,70123|ب|72,ma-std,1,,,,,high", "false.png,70123|ب|71,ma-std,1,,,,,high"]
    (folder / "labels.csv").write_text("file,text,kind,lines,x,y,w,h,confidence\n" + "\n".join(rows), encoding="utf-8")
    failures = tmp_path / "failures.csv"
    assert bench.main(["plates", "--images", str(folder), "--failures", str(failures), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()][1:]
    values = {(line["case"], line["metric"]): line["value"] for line in lines}
    assert values["crops", "exact_ratio"] == values["crops/ma-std", "exact_ratio"] == 0.5
    assert values["crops", "cpu_ms_read"] > 0
    assert ("crops", "cpu_ms_detect") not in values, "nothing was sought"
    assert values["crops", "whole_picture_plates"] == 2
    with failures.open(encoding="utf-8", newline="") as opened:
        rows_of_failures = list(csv.DictReader(opened))
    assert [(row["file"], row["truth"], row["read"], row["cause"]) for row in rows_of_failures] == [
        ("false.png", "70123|ب|71", "70123|ب|72", "2 for 1")
    ]


@pytest.mark.parametrize(
    ("truth", "read", "what"),
    [
        ("12345|أ|6", "12346|أ|6", "6/5"),
        ("12345|أ|6", "12345|أ|61", "bar read as 1"),
        ("12345|أ|6", "2345|أ|6", "1 read as bar"),
        ("12345|أ|6", "12375|أ|6", "7 for 4"),
        ("12345|أ|6", "1245|أ|6", "one too few"),
        ("1234|أ|6", "12734|أ|6", "one too many"),
        ("12345|أ|6", "77777|أ|6", "several characters"),
    ],
)
def test_failures_have_a_cause(truth: str, read: str, what: str) -> None:
    assert cause(outcome(truth, read)) == what


def test_what_was_not_found_was_not_misread() -> None:
    assert cause(outcome("12345|أ|6", detected=False)) == "not found"
    assert cause(outcome("12345|أ|6", detected=True)) == "not read"


def test_whatever_is_told_on_footage_without_plates_is_false(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One film with a vehicle, for a detector that must be caught out, and one of an empty gate."""
    films = {"crossing": crossing(np.random.default_rng(5), vehicles=1), "gate": gate(np.random.default_rng(8))}
    for name, scene in films.items():
        short = replace(scene, seconds=min(scene.seconds, 8))
        render_scene(tmp_path / f"{name}.mp4", short, 5)
    paths = [str(tmp_path / f"{name}.mp4") for name in films]
    assert bench.main(["plates", "--film", *paths, "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()][1:]
    values = {(line["case"], line["metric"]): line["value"] for line in lines}
    assert (values["crossing", "false_reads"], values["gate", "false_reads"]) == (1, 0)
    assert values["films", "false_reads"] == 1
    assert values["films", "minutes"] == pytest.approx(values["crossing", "minutes"] + values["gate", "minutes"])
    assert values["films", "false_reads_per_minute"] == pytest.approx(1 / values["films", "minutes"])


def test_a_table_without_the_columns_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("name,plate\na.jpg,1\n", encoding="utf-8")
    with pytest.raises(CommandError, match=r"labels\.csv: columns file, text"):
        labelled(tmp_path, tmp_path / "labels.csv")
    with pytest.raises(CommandError, match=r"cannot read .*nothing\.csv"):
        labelled(tmp_path, tmp_path / "nothing.csv")
