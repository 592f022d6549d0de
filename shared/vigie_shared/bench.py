"""`vigie bench`: one frame for all measurements; the benchmarks are `tests/benchmarks/<name>.py` of a checkout.

What is printed begins with the machine, the commit, and whether others used the machine meanwhile.
"""

import argparse
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Protocol, Self, cast

from pydantic import BaseModel, ConfigDict, model_validator

from vigie_shared.errors import CommandError
from vigie_shared.i18n import gettext as _
from vigie_shared.machine import Conditions, Watch

FOLDER: Final = Path("tests") / "benchmarks"
_COLUMNS: Final = ("bench", "case", "metric", "value", "unit", "baseline", "ratio")


class Measurement(BaseModel):
    """One figure. `ratio` is `value / baseline` unless the benchmark says otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: str
    metric: str
    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None

    @model_validator(mode="after")
    def _ratio_to_baseline(self) -> Self:
        if self.ratio is None and self.baseline:
            object.__setattr__(self, "ratio", self.value / self.baseline)
        return self


class Benchmark(Protocol):
    """A module in `tests/benchmarks/`. `arguments.quick` asks for few repetitions.

    One that shows the rows of others names them in `PARTS`; it does not run where they do.
    """

    SUMMARY: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare what this benchmark can be asked."""
        ...

    def run(self, arguments: argparse.Namespace) -> Iterable[Measurement]:
        """Measure, and give each figure as soon as it is known."""
        ...


class Result(BaseModel):
    """A measurement and the benchmark that it is of: one line of `--json`."""

    model_config = ConfigDict(frozen=True)

    bench: str
    case: str
    metric: str
    value: float
    unit: str
    baseline: float | None
    ratio: float | None


def folder() -> Path:
    """Where the benchmarks are: in the checkout of this code, or of the working directory."""
    for start in (Path(__file__).parents[2], Path.cwd(), *Path.cwd().parents):
        if (start / FOLDER).is_dir():
            return start / FOLDER
    raise CommandError(_("no {folder} here: benchmarks come with a checkout of the source").format(folder=FOLDER))


def names() -> list[str]:
    """All benchmarks, by file name."""
    return sorted(file.stem for file in folder().glob("*.py") if not file.stem.startswith(("_", "test_")))


def load(name: str) -> Benchmark:
    """Import one benchmark."""
    file = folder() / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"tests.benchmarks.{name}", file)
    if not file.is_file() or spec is None or spec.loader is None:
        raise CommandError(_("no benchmark “{name}”; there are: {names}").format(name=name, names=", ".join(names())))
    module = importlib.util.module_from_spec(spec)
    checkout = str(folder().parents[1])
    if checkout not in sys.path:  # benchmarks may use what tests have, such as servers
        sys.path.append(checkout)
    spec.loader.exec_module(module)
    return cast(Benchmark, module)


def parser() -> argparse.ArgumentParser:
    """The options of the frame. A benchmark adds its own where it is the only one named."""
    parser = argparse.ArgumentParser(
        prog="vigie bench", description=_("Measure speed and size. Without a name, all benchmarks run.")
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=_("one or more of: {names}").format(names=", ".join(names()))
    )
    parser.add_argument("--json", action="store_true", help=_("one JSON object per line; the first is the machine"))
    parser.add_argument("--quick", action="store_true", help=_("few repetitions: shows that it works, measures badly"))
    return parser


def measure(name: str, arguments: list[str]) -> Iterable[Result]:
    """Run one benchmark with the whole command line."""
    benchmark = load(name)
    options = parser()
    benchmark.add_arguments(cast(argparse.ArgumentParser, options.add_argument_group(name, benchmark.SUMMARY)))
    for measurement in benchmark.run(options.parse_intermixed_args(arguments)):
        yield Result(bench=name, **measurement.model_dump())


def chosen(arguments: list[str]) -> list[str]:
    """The benchmarks that the command line names, else all; exits where it cannot be understood."""
    known = names()
    named = [argument for argument in arguments if argument in known]
    if len(named) == 1:
        return named
    strange = next((name for name in parser().parse_intermixed_args(arguments).names if name not in known), None)
    if strange is not None:
        load(strange)
    return named or known


def parts(name: str) -> set[str]:
    """Other benchmarks of which this one shows the rows."""
    return set(getattr(load(name), "PARTS", ()))


def main(arguments: list[str]) -> int:
    """Run benchmarks and print what they found; one that fails does not stop the others."""
    benchmarks = chosen(arguments)
    watch = Watch(folder())
    results: list[Result] = []
    failed = False
    for name in benchmarks:
        try:
            if parts(name) & set(benchmarks):
                continue
            print(f"bench: {name}", file=sys.stderr)
            results.extend(measure(name, arguments))
        except Exception as error:
            failed = True
            print(f"bench: {name}: {type(error).__name__}: {error}", file=sys.stderr)
    print(as_json(watch.conditions(), results) if "--json" in arguments else as_table(watch.conditions(), results))
    return 1 if failed else 0


def as_json(conditions: Conditions, results: list[Result]) -> str:
    """One object a line; the first one is the conditions."""
    return "\n".join(line.model_dump_json() for line in (conditions, *results))


def as_table(conditions: Conditions, results: list[Result]) -> str:
    """For people."""
    rows = [_COLUMNS, *(tuple(_cell(getattr(result, column)) for column in _COLUMNS) for result in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([_headline(conditions), "", *lines])


def _cell(value: str | float | None) -> str:
    return "–" if value is None else value if isinstance(value, str) else f"{value:.4g}"


def _headline(conditions: Conditions) -> str:
    machine = conditions.machine
    commit = f"{(conditions.commit or '?')[:12]}{'+' if conditions.dirty else ''}"
    verdict = _("DISTURBED") if conditions.disturbed else _("undisturbed")
    others = _(
        "others used {share:.1%} of the processors (limit {limit:.0%}), load {load} at the start (limit {load_max})"
    )
    return (
        f"{machine.cpu}, {machine.cores} × CPU, {machine.memory_bytes / 2**30:.0f} GiB, Linux {machine.kernel}, "
        f"Python {machine.python}; {commit}\n{verdict}: "
        + others.format(
            share=conditions.others_cpu_share,
            limit=conditions.others_cpu_share_max,
            load=conditions.load_at_start,
            load_max=conditions.load_at_start_max,
        )
    )
