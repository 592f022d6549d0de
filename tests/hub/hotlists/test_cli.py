import json
from pathlib import Path

import pytest

from vigie_hub.cli import main
from vigie_hub.database import Database
from vigie_shared.errors import CommandError


class Shell:
    """Runs `vigie hub hotlist …` on a hub of its own."""

    def __init__(self, folder: Path, output: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.settings = folder / "hub.toml"
        self.settings.write_text(f"data_dir = {json.dumps(str(folder / 'hub'))}\n")
        self._output = output

    def __call__(self, *arguments: str) -> str:
        assert main(["hotlist", *arguments, "--settings", str(self.settings)]) == 0
        return self._output.readouterr().out

    def rows(self, *arguments: str) -> list[dict[str, object]]:
        return [json.loads(line) for line in self("list", "--json", *arguments).splitlines()]

    def sheet(self, text: str) -> str:
        path = self.folder / "sheet.csv"
        path.write_text(text, encoding="utf-8")
        return str(path)


@pytest.fixture
def hotlist(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path, capsys)


def test_a_plate_is_added_with_its_terms_listed_and_removed_with_a_reason(hotlist: Shell) -> None:
    asked = ("--reason", "stolen", "--list", "region", "--rule", "6/5", "--rule", "uncertain read")
    terms = ("--category", "car", "--severity", "4", "--until", "2027-01-01")
    entry_id = json.loads(hotlist("add", "12345-A-6", *asked, *terms, "--json"))["entry_id"]
    (row,) = hotlist.rows("--list", "region")
    assert (row["text"], row["category"], row["severity"]) == ("12345|أ|6", "car", 4)
    assert json.loads(str(row["rules"])) == ["uncertain read", "6/5"]
    assert row["valid_until"] == "2027-01-01T00:00:00.000Z"
    hotlist("remove", entry_id, "--reason", "found")
    assert hotlist.rows() == []
    with Database(hotlist.folder / "hub" / "hub.db") as database:
        kept = database.read_now(lambda connection: connection.execute("SELECT removed_reason FROM hotlist").fetchone())
        audited = database.read_now(lambda connection: connection.execute("SELECT action, user FROM audit").fetchall())
    assert kept[0] == "found"
    assert [row["action"] for row in audited] == ["hotlist_added", "hotlist_removed"]
    assert all(row["user"].startswith("cli:") for row in audited)


def test_a_sheet_is_imported_and_replaces_what_it_lacks(hotlist: Shell) -> None:
    first = hotlist.sheet("plate,severity\n1-A-1,1\n2-A-1,2\n")
    assert "2 added, 0 known, 0 removed" in hotlist("import", first, "--reason", "register", "--list", "state")
    second = hotlist.sheet("plate,severity\n2-A-1,2\n3-A-1,3\n")
    done = json.loads(hotlist("import", second, "--reason", "register", "--list", "state", "--replace", "--json"))
    assert done == {"list": "state", "added": 1, "known": 1, "removed": 1}
    assert sorted(str(row["text"]) for row in hotlist.rows()) == ["2|أ|1", "3|أ|1"]


def test_a_sheet_with_a_wrong_line_changes_nothing(hotlist: Shell) -> None:
    with pytest.raises(CommandError, match=r"sheet\.csv: line 3: plate"):
        hotlist("import", hotlist.sheet("plate\n1-A-1\n???\n"), "--reason", "register")
    assert hotlist.rows() == []


def test_the_age_of_a_list_is_set(hotlist: Shell) -> None:
    assert "older than 6 h" in hotlist("age", "6", "--list", "state")
    with Database(hotlist.folder / "hub" / "hub.db") as database:
        rows = database.read_now(
            lambda connection: connection.execute("SELECT list_id, check_only_hours FROM hotlists").fetchall()
        )
    assert {row["list_id"]: row["check_only_hours"] for row in rows} == {"main": 24, "state": 6}


def test_a_dropped_list_looks_for_nothing_and_the_others_stay(hotlist: Shell) -> None:
    for plate, name in (("1-A-1", "toll"), ("2-A-2", "toll"), ("3-A-3", "main")):
        hotlist("add", plate, "--reason", "stolen", "--list", name)
    assert json.loads(hotlist("drop", "toll", "--reason", "over", "--json")) == {"list": "toll", "removed": 2}
    assert [row["list_id"] for row in hotlist.rows()] == ["main"]
    with Database(hotlist.folder / "hub" / "hub.db") as database:
        audited = database.read_now(
            lambda connection: connection.execute(
                "SELECT target FROM audit WHERE action = 'hotlist_dropped'"
            ).fetchall()
        )
    assert [row["target"] for row in audited] == ["toll -2"]
    with pytest.raises(CommandError, match="toll"):
        hotlist("drop", "toll")
