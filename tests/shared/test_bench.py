"""The frame of `vigie bench`: what it prints is a contract that later figures are compared by."""

import json
import sys
from pathlib import Path

import pytest

from vigie_shared import bench
from vigie_shared.bench import Measurement
from vigie_shared.cli import main as vigie
from vigie_shared.errors import CommandError

GOOD = """
from vigie_shared.bench import Measurement

SUMMARY = "counts"

def add_arguments(parser):
    parser.add_argument("--size", type=int, default=3)

def run(arguments):
    yield Measurement(case="all", metric="count", value=arguments.size, unit="1", baseline=2)
    yield Measurement(case="all", metric="seconds", value=0.5, unit="s")
"""
BROKEN = """
SUMMARY = "breaks"

def add_arguments(parser): pass

def run(arguments):
    raise OSError("no such camera")
    yield
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two benchmarks, one of which breaks."""
    folder = tmp_path / bench.FOLDER
    folder.mkdir(parents=True)
    (folder / "good.py").write_text(GOOD)
    (folder / "broken.py").write_text(BROKEN)
    (folder / "test_them.py").write_text("")
    monkeypatch.setattr(bench, "folder", lambda: folder)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return tmp_path


def test_a_line_of_json_has_exactly_the_agreed_fields(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["good", "--json", "--size", "4"]) == 0
    head, *lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    fields = {"bench": "good", "case": "all"}
    assert lines == [
        {**fields, "metric": "count", "value": 4.0, "unit": "1", "baseline": 2.0, "ratio": 2.0},
        {**fields, "metric": "seconds", "value": 0.5, "unit": "s", "baseline": None, "ratio": None},
    ]
    assert {"machine", "commit", "dirty", "disturbed", "others_cpu_share", "load_at_start"} <= head.keys()


def test_a_broken_benchmark_is_one_line_and_the_others_go_on(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.main(["--json"]) == 1
    printed = capsys.readouterr()
    assert "bench: broken: OSError: no such camera" in printed.err.splitlines()
    assert [json.loads(line).get("metric") for line in printed.out.splitlines()] == [None, "count", "seconds"]


def test_what_another_benchmark_shows_runs_once(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / bench.FOLDER / "gathered.py").write_text(GOOD.replace("size", "width") + '\nPARTS = {"good": ()}\n')
    assert bench.main(["--json"]) == 1, "one is broken"
    assert [json.loads(line).get("bench") for line in capsys.readouterr().out.splitlines()] == [None, "good", "good"]
    assert bench.main(["gathered", "--json"]) == 0
    assert [json.loads(line).get("bench") for line in capsys.readouterr().out.splitlines()][1:] == ["gathered"] * 2


def test_the_table_shows_every_figure(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["good"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["good", "all", "count", "3", "1", "2", "1.5"] in rows
    assert ["good", "all", "seconds", "0.5", "s", "–", "–"] in rows


def test_an_unknown_name_is_one_line_that_lists_the_known(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert vigie(["bench", "speed"]) == 1
    assert capsys.readouterr().err == "vigie bench: no benchmark “speed”; there are: broken, good\n"


def test_options_of_one_benchmark_are_refused_where_several_run(checkout: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        bench.main(["good", "broken", "--size", "4"])


def test_outside_a_checkout_it_says_that_one_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bench, "__file__", str(tmp_path / "site-packages" / "vigie_shared" / "bench.py"))
    with pytest.raises(CommandError, match="benchmarks come with a checkout"):
        bench.folder()


def test_ratio_is_to_the_baseline_unless_given() -> None:
    assert Measurement(case="", metric="", value=3, unit="s", baseline=2).ratio == 1.5
    assert Measurement(case="", metric="", value=3, unit="s", baseline=2, ratio=9).ratio == 9
    assert Measurement(case="", metric="", value=3, unit="s", baseline=0).ratio is None
