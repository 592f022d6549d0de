import io
from typing import Any

import pytest
from rich.console import Console

from vigie_hub import fetching_progress
from vigie_hub.fetching_progress import shown


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """A terminal that remembers."""
    written = io.StringIO()

    def console(**_named: Any) -> Console:
        return Console(file=written, force_terminal=True, width=100)

    monkeypatch.setattr(fetching_progress, "Console", console)
    return written


def test_a_terminal_shows_how_much_is_here_how_fast_and_how_long_it_takes(screen: io.StringIO) -> None:
    with shown("a clip", quiet=False) as progressed:
        progressed(1_000_000, 4_000_000)
    assert "a clip" in screen.getvalue()
    assert "1.0/4.0 MB" in screen.getvalue()


def test_scripts_are_left_alone(screen: io.StringIO) -> None:
    with shown("a clip", quiet=True) as progressed:
        progressed(1, 2)
    assert screen.getvalue() == ""
