"""The agent's key: made once, its own, read by nobody else."""

from pathlib import Path

import nkeys
import pytest

from vigie_agent.keys import FILE_NAME, HubKey, load_or_make_agent_key
from vigie_shared.errors import SettingsError
from vigie_shared.ids import is_name
from vigie_shared.keys import raw_public_key


def test_the_key_is_made_once(tmp_path: Path) -> None:
    made = load_or_make_agent_key(tmp_path / "data")
    assert load_or_make_agent_key(tmp_path / "data").public_key == made.public_key
    assert (tmp_path / "data" / FILE_NAME).stat().st_mode & 0o777 == 0o600
    assert [file.name for file in (tmp_path / "data").iterdir()] == [FILE_NAME]


def test_the_public_key_is_what_nats_server_takes(tmp_path: Path) -> None:
    public_key = load_or_make_agent_key(tmp_path).public_key
    assert public_key.startswith("U")
    assert len(raw_public_key(public_key)) == 32
    assert not is_name(public_key)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    load_or_make_agent_key(tmp_path)
    (tmp_path / FILE_NAME).chmod(0o640)
    with pytest.raises(SettingsError, match="can be read by others: chmod 600"):
        load_or_make_agent_key(tmp_path)


@pytest.mark.parametrize("text", ["", "SUAM", "not a seed at all", "é"])
def test_a_damaged_key_is_refused_and_left_as_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / FILE_NAME
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(SettingsError, match=r"agent\.seed is not an agent's key"):
        load_or_make_agent_key(tmp_path)
    assert path.read_text(encoding="utf-8") == text


def test_a_folder_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot read the agent's key"):
        load_or_make_agent_key(tmp_path / "file")


def test_the_seed_is_not_in_what_is_printed(tmp_path: Path) -> None:
    key = load_or_make_agent_key(tmp_path)
    assert key.seed not in repr(key)
    assert nkeys.from_seed(bytearray(key.seed.encode())).public_key.decode() in repr(key)


def test_a_signature_counts_for_its_own_message_and_key_only(tmp_path: Path) -> None:
    key, other = load_or_make_agent_key(tmp_path / "a"), load_or_make_agent_key(tmp_path / "b")
    verifier = HubKey(key.public_key)
    assert verifier.verify(b"text", key.sign(b"text"))
    assert not verifier.verify(b"other", key.sign(b"text"))
    assert not verifier.verify(b"text", other.sign(b"text"))
    assert not verifier.verify(b"text", "not base64 !")
    assert not verifier.verify(b"text", "é")
