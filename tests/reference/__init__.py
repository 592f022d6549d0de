"""The pages of docs/reference/, written from the code so that they cannot say anything else."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.reference import commands, settings, subjects

FOLDER: Final = Path(__file__).parents[2] / "docs" / "reference"
PAGES: Final[dict[str, Callable[[], str]]] = {
    "commands.md": commands.page,
    "settings.md": settings.page,
    "subjects.md": subjects.page,
}
