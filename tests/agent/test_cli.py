"""The `vigie agent` command, from the outside."""

import json
from pathlib import Path

import pytest

from tests.agent.store.samples import clip, motion, open_store, read, settle
from vigie_agent.cli import main
from vigie_shared.cli import main as vigie


def settings_file(folder: Path) -> Path:
    path = folder / "agent.toml"
    path.write_text(f'agent_id = "edge"\ndata_dir = {json.dumps(str(folder / "data"))}\n')
    return path


def test_key_is_made_and_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", "--data", str(tmp_path / "data"), "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert main(["key", "--data", str(tmp_path / "data")]) == 0
    assert capsys.readouterr().out.strip() == made["public_key"]


def test_status_reads_the_store_of_a_running_agent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = open_store(tmp_path / "data")
    store.record(motion())
    store.record_read(read(), b"jpeg")
    store.keep_clip(clip(size_bytes=500))
    store.note_receipt({"mot": 1})
    settle(store)
    assert main(["status", "--settings", str(settings_file(tmp_path)), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == {
        "agent_id": "edge",
        "epoch": store.epoch,
        "newest": {"hit": 0, "hlt": 0, "lpr": 1, "mot": 1, "clip": 1, "crop": 0},
        "receipted": {"hit": 0, "hlt": 0, "lpr": 0, "mot": 1, "clip": 0, "crop": 0},
        "clips": 1,
        "clips_bytes": 500,
        "motion_events": 1,
        "plate_reads": 1,
        "hotlists": {},
    }
    assert main(["status", "--settings", str(settings_file(tmp_path))]) == 0
    assert "lane mot: 1 events, the hub has 1" in capsys.readouterr().out
    store.close()


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (["status", "--settings", "none.toml"], 1, "cannot read none.toml"),
        (["run"], 2, "--settings"),
        (["fly"], 2, "No such command"),
        (["film", "moon", "-o", "x.mp4"], 2, "moon"),
    ],
)
def test_misuse_is_told_and_has_its_status(
    arguments: list[str], status: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert vigie(["agent", *arguments]) == status
    said = capsys.readouterr().err
    assert line in said
    assert "Traceback" not in said


def test_status_without_a_store_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert vigie(["agent", "status", "--settings", str(settings_file(tmp_path))]) == 1
    assert "no store in" in capsys.readouterr().err


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in ("run", "key", "status", "film"))
