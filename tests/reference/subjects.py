"""docs/reference/subjects.md: every NATS subject and lane, from `vigie_shared.subjects` and `vigie_shared.events`."""

import inspect
from collections.abc import Callable
from typing import Any, Final, get_args

from tests.reference.pages import NOTE, table
from vigie_shared import events, subjects

PLACEHOLDERS: Final = {"agent_id": "<agent>", "lane": "<lane>", "session_id": "<session>"}
HEAD: Final = f"""\
# NATS subjects

Stream `{subjects.STREAM}` keeps `{subjects.STREAM_SUBJECTS}`. Its durable consumer `{subjects.HITS_DURABLE}` reads
lane `hit`, and `{subjects.DURABLE}` the others. Names are short because they travel with every message. An agent may
publish and subscribe only below its own name: see [enrolment](../design/enrolment.md).
"""


def makers() -> list[Callable[..., str]]:
    """The functions that make a subject."""
    found = [function for _name, function in inspect.getmembers(subjects, inspect.isfunction)]
    return [each for each in found if each.__module__ == subjects.__name__ and each is not subjects.agent_of]


def pattern(make: Callable[..., str]) -> str:
    """A subject with placeholders."""
    return make(**{name: PLACEHOLDERS[name] for name in inspect.signature(make).parameters})


def lanes() -> list[tuple[str, str, str]]:
    """Each event: its lane, its kind, what it says. Most urgent lane first."""
    kinds: tuple[type[Any], ...] = get_args(get_args(events.AnyEvent)[0])
    named = [(kind.model_fields["kind"].default, inspect.getdoc(kind) or "") for kind in kinds]
    return [(lane, kind, what) for lane in events.LANES for kind, what in named if events._LANE_OF[kind] == lane]


def page() -> str:
    """The whole page."""
    rows = sorted((f"`{pattern(make)}`", inspect.getdoc(make) or "") for make in makers())
    return "\n".join(
        [
            NOTE,
            HEAD,
            table(("subject", "what"), list(rows)),
            "## Lanes\n",
            "Each lane has its own sequence, so that one with much to say never holds up another.\n",
            table(("lane", "event", "what"), [(f"`{lane}`", f"`{kind}`", what) for lane, kind, what in lanes()]),
        ]
    )
