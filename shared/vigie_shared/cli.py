"""The `vigie` command: finds what each installed side brings (entry points `vigie.commands`) and hands over.

The standard library alone, so that an edge box starts it in milliseconds.
"""

import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points, version

from vigie_shared.errors import VigieError
from vigie_shared.i18n import gettext as _

Command = Callable[[list[str]], int]
"""Takes the arguments after its name, returns the exit status: 0 done, 1 failed, 2 misused, 3 degraded."""


def _summaries() -> dict[str, str]:
    return {
        "agent": _("watch cameras on this box: run, status, key"),
        "hub": _("take in what agents report: run, enrol, pull, hotlist"),
        "demo": _("a hub, three agents and synthetic cameras on this machine"),
        "bench": _("measure speed and size"),
    }


def _usage(commands: dict[str, EntryPoint]) -> str:
    summaries = _summaries()
    width = max((len(name) for name in commands), default=0)
    lines = [_("Vigie watches beside the camera and sends only what matters."), ""]
    lines += [_("usage: vigie COMMAND …    (vigie COMMAND --help says more)"), ""]
    lines += [f"  {name:<{width}}  {summaries.get(name, '')}" for name in sorted(commands)]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run one sub-command; errors that an operator can mend are one line on standard error."""
    arguments = sys.argv[1:] if arguments is None else arguments
    commands = {point.name: point for point in entry_points(group="vigie.commands")}
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_usage(commands))
        return 0 if arguments else 2
    name, *rest = arguments
    if name == "--version":
        print(f"vigie {version('vigie-shared')}")
        return 0
    if name not in commands:
        print(
            _("vigie: no command “{name}” here; installed: {names}").format(
                name=name, names=", ".join(sorted(commands))
            ),
            file=sys.stderr,
        )
        return 2
    try:
        command: Command = commands[name].load()
        return command(rest)
    except VigieError as error:
        print(f"vigie {name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
