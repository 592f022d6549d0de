"""docs/reference/commands.md: every command and option, from Typer and argparse."""

import argparse
import importlib
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any, Final, NamedTuple

import typer.main

from tests.reference.pages import NOTE, table
from vigie_shared import bench

HEAD: Final = """\
# Commands

Exit status: 0 done, 1 failed, 2 misused, 3 degraded, 130 interrupted. Messages go to standard error, results to
standard output; with `--json` they are JSON and nothing else. `--help` shows this in your language.
"""


class Option(NamedTuple):
    """An option or argument."""

    name: str
    default: str
    meaning: str


class Command(NamedTuple):
    """A command that can be run, by its whole name."""

    name: str
    meaning: str
    options: list[Option]


def typer_commands(command: Any, name: str) -> Iterator[Command]:
    """Every command at or below a Typer one."""
    if inner := getattr(command, "commands", None):
        for word, below in inner.items():
            yield from typer_commands(below, f"{name} {word}")
    else:
        options = [_typer_option(option) for option in command.params if option.name != "help"]
        yield Command(name, " ".join((command.help or "").split()), options)


def _typer_option(option: Any) -> Option:
    words = (*option.opts, *option.secondary_opts)
    name = ", ".join(words) if words[0].startswith("-") else option.metavar or option.name.upper()
    value = "" if callable(option.default) or option.default in (None, False, (), []) else f"`{option.default}`"
    return Option(name, "**required**" if option.required else value, option.help or "")


def bench_commands() -> Iterator[Command]:
    """`vigie bench`, and the options of each benchmark."""
    frame = bench.parser()
    yield Command("vigie bench", frame.description or "", _argparse_options(frame))
    for name in bench.names():
        benchmark, parser = bench.load(name), argparse.ArgumentParser()
        benchmark.add_arguments(parser)
        yield Command(f"vigie bench {name}", f"Measures {benchmark.SUMMARY}.", _argparse_options(parser))


def _argparse_options(parser: argparse.ArgumentParser) -> list[Option]:
    actions = [action for action in parser._actions if not isinstance(action, argparse._HelpAction)]
    return [_argparse_option(action) for action in actions]


def _argparse_option(action: argparse.Action) -> Option:
    value = " ".join(map(str, action.default)) if isinstance(action.default, tuple) else action.default
    default = "" if value in (None, False, "", []) else f"`{value}`"
    return Option(", ".join(action.option_strings) or str(action.metavar), default, action.help or "")


def commands() -> list[Command]:
    """All commands of an installation with both sides."""
    found = list(bench_commands())
    for point in entry_points(group="vigie.commands"):
        if point.name != "bench":
            application = importlib.import_module(point.module).app
            found += typer_commands(typer.main.get_command(application), f"vigie {point.name}")
    return sorted(found)


def page() -> str:
    """The whole page."""
    parts = [NOTE, HEAD]
    for command in commands():
        parts += [f"## {command.name}\n", f"{command.meaning}\n"]
        rows = [(f"`{option.name}`", option.default, option.meaning) for option in command.options]
        parts += [table(("option", "default", "meaning"), rows)] if rows else []
    return "\n".join(parts)
