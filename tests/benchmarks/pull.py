"""All that is promised of pulling video, each row with its baseline: the rows of several benchmarks, which
can also be run by their own names. A part that cannot run here is named on stderr and does not stop the others.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from typing import Final

from vigie_shared import bench
from vigie_shared.bench import Measurement

SUMMARY = "pulling video: first frames, pass-through, transfers, starved links"

PARTS: Final = {
    "pass_through": ("--rounds", "2", "--seconds", "8"),
    "goodput": ("--flow-seconds", "12", "--flow-rounds", "2", "--flow-kinds", "road", "ours"),
    "transfer": ("--rounds", "3", "--megabytes", "10"),
    "first_frame": ("--looks", "6", "--pulls", "10"),
    "starved": ("--watched-rounds", "1"),
}
"""By file name, and how much of each: all of it takes some eight minutes. By its own name each measures longer."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="only these")


def run(arguments: argparse.Namespace) -> Iterator[Measurement]:
    failed = []
    for name in arguments.parts:
        began = time.monotonic()
        try:
            yield from _rows(name, quick=arguments.quick)
        except Exception as error:
            failed.append(name)
            print(f"bench: pull: {name}: {type(error).__name__}: {error}", file=sys.stderr)
        print(f"bench: pull: {name} took {time.monotonic() - began:.0f} s", file=sys.stderr)
    if failed:
        raise RuntimeError(f"not measured: {', '.join(failed)}")


def _rows(name: str, *, quick: bool) -> Iterator[Measurement]:
    """Of one part."""
    part = bench.load(name)
    options = argparse.ArgumentParser()
    options.add_argument("--quick", action="store_true")
    part.add_arguments(options)
    yield from part.run(options.parse_args(["--quick"] if quick else PARTS[name]))
