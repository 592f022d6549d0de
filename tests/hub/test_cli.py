import json
from io import StringIO
from pathlib import Path

import pytest

from vigie_hub import fleet_cli
from vigie_hub.cli import main
from vigie_hub.database import Database
from vigie_shared.enrolment import Code
from vigie_shared.errors import CommandError, SettingsError


class Terminal:
    """Runs commands against one settings file."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.settings = folder / "hub.toml"
        self.database = folder / "data" / "hub.db"
        self.settings.write_text(f'data_dir = "{folder / "data"}"\n', encoding="utf-8")
        self._capsys = capsys

    def __call__(self, *arguments: str, status: int = 0) -> str:
        assert main([*arguments, "--settings", str(self.settings)]) == status
        return self._capsys.readouterr().out


@pytest.fixture
def vigie(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(tmp_path, capsys)


def test_key_is_the_same_each_time(vigie: Terminal) -> None:
    assert vigie("key").strip() == json.loads(vigie("key", "--json"))["public_key"]


def test_enrolment_prints_a_code_that_leads_to_this_hub(vigie: Terminal) -> None:
    code = Code.parse(vigie("enrol", "gate-1"))
    assert (code.agent_id, code.url) == ("gate-1", "http://127.0.0.1:8080")
    told = json.loads(vigie("enrol", "gate-1", "--valid-hours", "2", "--json"))
    assert Code.parse(told["code"]).fingerprint == code.fingerprint
    assert Code.parse(told["code"]).secret != code.secret


def test_revocation_is_done_even_where_no_nats_server_can_be_told(
    vigie: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet_cli, "CONNECT_SECONDS", 0.3)
    vigie.settings.write_text(vigie.settings.read_text() + '[nats]\nurl = "nats://127.0.0.1:1"\n')
    vigie("enrol", "gate-1")
    told = json.loads(vigie("revoke", "gate-1", "--json"))
    assert told == {"agent_id": "gate-1", "revoked": True, "told_nats_server": False}
    with pytest.raises(CommandError, match="is not enrolled"):
        vigie("revoke", "gate-1")


def test_code_needs_to_know_where_agents_reach_the_hub(vigie: Terminal) -> None:
    vigie.settings.write_text(vigie.settings.read_text() + '[api]\nhost = "0.0.0.0"\n')
    with pytest.raises(CommandError, match="set api"):
        vigie("enrol", "gate-1")


def test_configuration_of_nats_server_holds_no_secret(vigie: Terminal, tmp_path: Path) -> None:
    output = tmp_path / "nats.conf"
    assert json.loads(vigie("nats-config", "-o", str(output), "--json"))["path"] == str(output)
    text = output.read_text(encoding="utf-8")
    seeds = [file.read_text().strip() for file in (tmp_path / "data" / "keys").glob("*.nk")]
    assert len(seeds) == 6
    assert not any(seed in text for seed in seeds)


def test_operator_s_seed_is_moved_where_it_is_told(vigie: Terminal, tmp_path: Path) -> None:
    vigie("operator-seed", "-o", str(tmp_path / "safe.nk"))
    assert (tmp_path / "safe.nk").read_text().startswith("SO")
    assert Code.parse(vigie("enrol", "gate-1"))


def test_password_is_taken_from_standard_input(vigie: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("correct horse\n"))
    assert json.loads(vigie("user", "amal", "--json")) == {"name": "amal"}
    with Database(vigie.database) as database:
        found = database.read_now(lambda connection: connection.execute("SELECT * FROM users").fetchone())
    assert found["name"] == "amal"
    assert "correct horse" not in found["password_hash"]


def test_hotlist_is_added_to_listed_and_taken_from(vigie: Terminal) -> None:
    entry = json.loads(vigie("hotlist", "add", "12345-A-6", "--reason", "stolen", "--json"))
    assert (entry["text"], entry["known_grammar"]) == ("12345|أ|6", True)
    assert json.loads(vigie("hotlist", "list", "--json"))["entry_id"] == entry["entry_id"]
    vigie("hotlist", "remove", entry["entry_id"])
    assert vigie("hotlist", "list") == ""
    with pytest.raises(CommandError, match="no active hotlist entry"):
        vigie("hotlist", "remove", entry["entry_id"])


def test_clip_that_nobody_knows_is_one_clear_line(vigie: Terminal, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="knows no clip"):
        vigie("pull", "gate-1/" + "0" * 22, "-o", str(tmp_path / "clip.mp4"))
    with pytest.raises(CommandError, match="is not AGENT/CLIP"):
        vigie("pull", "gate-1", "-o", str(tmp_path / "clip.mp4"))


def test_misuse_is_status_2(vigie: Terminal) -> None:
    vigie("enrol", status=2)
    vigie("nonsense", status=2)


def test_missing_settings_are_an_error_of_the_operator(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        main(["key", "--settings", str(tmp_path / "none.toml")])
