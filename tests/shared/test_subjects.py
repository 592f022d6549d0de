"""Subjects: an agent's own are under its name, and no agent's name can reach another's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie_shared import subjects
from vigie_shared.events import LANES
from vigie_shared.ids import NAME_PATTERN

NAMES = st.from_regex(NAME_PATTERN, fullmatch=True)


@given(NAMES)
def test_every_subject_of_an_agent_names_it(agent_id: str) -> None:
    made = [
        *(subjects.events(agent_id, lane) for lane in LANES),
        subjects.heartbeat(agent_id),
        subjects.watermark_question(agent_id),
        subjects.watermark(agent_id),
        subjects.command(agent_id),
        subjects.still(agent_id),
        subjects.signaling(agent_id, "0" * 22),
        subjects.inbox_prefix(agent_id),
    ]
    assert {subjects.agent_of(subject) for subject in made} == {agent_id}
    assert len(set(made)) == len(made)


@pytest.mark.parametrize("subject", ["", "e", "e.", "e.*.lpr", "p.>", "e.A.lpr", "c..cmd"], ids=repr)
def test_a_subject_that_names_no_agent_gives_none(subject: str) -> None:
    assert subjects.agent_of(subject) is None


def test_patterns_cover_what_they_say() -> None:
    assert matches(subjects.STREAM_SUBJECTS, subjects.events("rabat-1", "lpr"))
    assert matches(subjects.ALL_HEARTBEATS, subjects.heartbeat("rabat-1"))
    assert matches(subjects.ALL_WATERMARK_QUESTIONS, subjects.watermark_question("rabat-1"))
    assert matches(subjects.all_signaling("rabat-1"), subjects.signaling("rabat-1", "0" * 22))
    assert not matches(subjects.all_signaling("rabat-1"), subjects.signaling("rabat-10", "0" * 22))


def matches(pattern: str, subject: str) -> bool:
    """As nats-server matches: `*` is one token, `>` all that are left."""
    wanted, given_tokens = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted, given_tokens = wanted[:-1], given_tokens[: len(wanted) - 1]
    return len(wanted) == len(given_tokens) and all(
        token in ("*", got) for token, got in zip(wanted, given_tokens, strict=True)
    )
