"""What the pages of docs/reference/ share."""

from collections.abc import Sequence
from typing import Final

NOTE: Final = "<!-- Written by `./dev docs` from the code: change the text there. -->\n"


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(_cell(cell) for cell in line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
