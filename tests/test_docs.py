"""What the code offers is documented, the pages say what the code says, and their links lead somewhere."""

import re
from pathlib import Path

import pytest

from tests.reference import FOLDER, PAGES, commands, settings, subjects

REPOSITORY = FOLDER.parents[1]
DOCUMENTS = [REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
DOCUMENTS += sorted((REPOSITORY / "docs").rglob("*.md"))
LINK = re.compile(r"\[[^\]]+\]\(([^)#\s]+)(#[^)\s]*)?\)")


@pytest.mark.parametrize("name", PAGES)
def test_a_reference_page_is_what_the_code_says(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name](), "run ./dev docs"


def test_every_setting_says_what_it_is_for() -> None:
    for side in settings.ROOTS:
        rows = list(settings.settings_of(settings.root(side)))
        assert len(rows) > 5
        assert [key for key, *_rest, meaning in rows if not meaning] == []


def test_every_command_and_option_says_what_it_is_for() -> None:
    silent = [command.name for command in commands.commands() if not command.meaning]
    silent += [f"{c.name} {option.name}" for c in commands.commands() for option in c.options if not option.meaning]
    assert silent == []


def test_each_side_has_its_commands() -> None:
    sides = {command.name.split()[1] for command in commands.commands()}
    assert sides == {"agent", "bench", "demo", "hub"}


def test_every_event_is_in_a_lane_of_the_page() -> None:
    page = (FOLDER / "subjects.md").read_text(encoding="utf-8")
    assert all(f"| `{lane}` | `{kind}` |" in page for lane, kind, _what in subjects.lanes())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_links_lead_somewhere(document: Path) -> None:
    targets = [match[1] for match in LINK.finditer(document.read_text(encoding="utf-8"))]
    lost = [target for target in targets if "://" not in target and not (document.parent / target).exists()]
    assert lost == []


def test_every_design_note_is_in_the_index() -> None:
    folder = REPOSITORY / "docs" / "design"
    index = (folder / "README.md").read_text(encoding="utf-8")
    assert [
        note.name for note in folder.glob("*.md") if note.name != "README.md" and f"({note.name})" not in index
    ] == []


def test_the_readmes_two_commands_are_those_that_continuous_integration_runs() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\./dev \w+", readme, re.MULTILINE)[:2] == ["./dev demo", "./dev test"]
    assert (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8").rstrip().endswith("./dev test")
