"""The house stays in order: what stands where, how long things are, who may speak SQL, who may import whom."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
SIDES = {"agent": "vigie_agent", "hub": "vigie_hub", "shared": "vigie_shared"}
TOP_LEVEL = {
    *("agent", "hub", "shared", "tests", "docs", "firmware_profiles", "law_profiles", "ansible"),
    *("dev", ".ci", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "pyproject.toml", "uv.lock"),
    *(".editorconfig", ".gitattributes", ".gitignore", ".python-version"),
}
NO_NOUNS = {"util", "utils", "helper", "helpers", "common", "manager", "managers", "misc", "base", "core"}
MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60

SQL = re.compile(
    r"\b(SELECT\b[\s\S]+\bFROM|INSERT\b[\s\S]*\bINTO|UPDATE \w+ SET|DELETE FROM|CREATE TABLE|PRAGMA \w+)\b"
)
SPEAKS_SQL = {
    "agent/vigie_agent/store": "the store",
    "hub/vigie_hub/database.py": "connections and the writer thread",
    "hub/vigie_hub/sync": "the read model",
    "hub/vigie_hub/api/queries": "what the page and the API read",
    "hub/vigie_hub/fleet": "the registry's table",
    "hub/vigie_hub/fetching.py": "one clip's promise, for the command line",
    "hub/vigie_hub/hotlists": "the hotlists' table",
    "hub/vigie_hub/alerts": "the alerts' table",
    "hub/vigie_hub/archive": "the archive's table",
    "hub/vigie_hub/custody": "the audit's table",
    "hub/vigie_hub/video/pull/wishes.py": "the pulls' table",
    "hub/vigie_hub/tickets": "the tickets' table",
    "hub/vigie_hub/users.py": "the users' table",
}

TESTED_ELSEWHERE = {
    "agent/vigie_agent/store/*": "tests/agent/store/test_store.py",
    "agent/vigie_agent/synthetic/*": "tests/agent/synthetic/test_film.py",
    "agent/vigie_agent/uplink/heartbeat.py": "tests/agent/uplink/test_uplink.py",
    "agent/vigie_agent/video/*": "tests/agent/video/test_answerer.py",
    "agent/vigie_agent/viewing.py": "tests/system/test_demo.py",
    "hub/vigie_hub/api/*": "tests/hub/api/routes/test_clips.py",
    "hub/vigie_hub/demo/*": "tests/system/test_demo.py",
    "hub/vigie_hub/ui/*": "tests/hub/ui/test_pages.py",
    "hub/vigie_hub/video/*": "tests/hub/video/live/test_watching.py",
    "hub/vigie_hub/sync/rebatching.py": "tests/hub/sync/test_migrations.py",
    "shared/vigie_shared/columns/*": "tests/shared/test_columns.py",
    "shared/vigie_shared/plates/*": "tests/shared/plates/test_grammar.py",
}
"""Modules without a `test_<module>.py` that no test of their side names, and the test that runs them."""

_MACHINE = re.compile(r"(?<![\w.~-])/(?:" + "|".join(("work", "farm", "root", "Users", "home/[a-z]+")) + ")/")


def tracked(pattern: str = "*") -> list[Path]:
    """Files that git knows, and that are still there."""
    listed = subprocess.run(["git", "ls-files", "-z", pattern], cwd=REPOSITORY, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    names = [REPOSITORY / name for name in listed.stdout.decode().split("\0") if name]
    return [name for name in names if name.is_file()]


def modules() -> Iterator[Path]:
    """The modules of the three packages, as paths from the repository."""
    for side, package in SIDES.items():
        for file in sorted((REPOSITORY / side / package).rglob("*.py")):
            yield file.relative_to(REPOSITORY)


def inside(module: Path, folders: dict[str, str]) -> bool:
    return any(module.is_relative_to(folder) for folder in folders)


def test_the_tree_shows_the_product_and_nothing_else() -> None:
    assert {file.relative_to(REPOSITORY).parts[0] for file in tracked()} <= TOP_LEVEL


def test_every_module_is_named_for_what_it_is() -> None:
    assert [str(module) for module in modules() if NO_NOUNS & set(module.with_suffix("").parts)] == []


def test_no_module_is_longer_than_a_reader_can_hold() -> None:
    lengths = {str(file.relative_to(REPOSITORY)): file.read_text().count("\n") for file in tracked("*.py")}
    assert {name: length for name, length in lengths.items() if length > MODULE_LINES_MAX} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{file.relative_to(REPOSITORY)}:{node.lineno} {node.name}: {node.end_lineno - node.lineno + 1} lines"
        for file in tracked("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= FUNCTION_LINES_MAX
    ]
    assert long == []


def test_sql_is_spoken_only_where_tables_are_kept() -> None:
    speaking = [str(module) for module in modules() if SQL.search((REPOSITORY / module).read_text())]
    assert [module for module in speaking if not inside(Path(module), SPEAKS_SQL)] == []


def has_own_test(module: Path, tests: str) -> bool:
    """Whether `tests/<side>/…/test_<module>.py` exists, or a test of that side names the module."""
    side, *package, name = module.with_suffix("").parts
    if (REPOSITORY / "tests" / side / Path(*package[1:]) / f"test_{name}.py").is_file():
        return True
    dotted = ".".join(package)
    return f"{dotted}.{name} " in tests or f"from {dotted} import {name}" in tests


def test_every_module_has_its_test() -> None:
    files = {side: (REPOSITORY / "tests" / side).rglob("*.py") for side in SIDES}
    tests = {side: "\n".join(file.read_text() for file in files[side]) for side in SIDES}
    named = [module for module in modules() if not module.name.startswith("__")]
    without = [str(module) for module in named if not has_own_test(module, tests[module.parts[0]])]
    unlisted = [module for module in without if not any(fnmatch(module, listed) for listed in TESTED_ELSEWHERE)]
    assert unlisted == []
    assert [test for test in TESTED_ELSEWHERE.values() if not (REPOSITORY / test).is_file()] == []


def test_no_path_of_a_build_machine_is_written_down() -> None:
    found = []
    for file in tracked():
        if file.name == "uv.lock":
            continue
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        found += [f"{file.relative_to(REPOSITORY)}:{n}" for n, line in enumerate(lines, 1) if _MACHINE.search(line)]
    assert found == []


def test_the_sides_meet_only_in_shared() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [linter, "--no-logo", "--no-cache"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout
