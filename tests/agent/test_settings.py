"""Settings: one clear line for what is wrong, with the file and the key."""

from pathlib import Path

import pytest

from vigie_agent.settings import AgentSettings, known_keys, load
from vigie_shared.errors import SettingsError

GOOD = 'agent_id = "gate"\ndata_dir = "/var/lib/vigie"\n'


def load_text(folder: Path, text: str) -> AgentSettings:
    path = folder / "agent.toml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def test_a_short_file_is_enough(tmp_path: Path) -> None:
    settings = load_text(tmp_path, GOOD)
    assert settings.discovery.enabled
    assert settings.cameras == ()


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIE_AGENT__CLIPS__PRE_ROLL_SECONDS", "7")
    settings = load_text(tmp_path, GOOD + "[clips]\npre_roll_seconds = 3\npost_roll_seconds = 4\n")
    assert (settings.clips.pre_roll_seconds, settings.clips.post_roll_seconds) == (7, 4)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "[clips]\npre_rol_seconds = 3\n",
            "unknown setting “clips.pre_rol_seconds”; did you mean “clips.pre_roll_seconds”?",
        ),
        ("[clip]\n", "unknown setting “clip”; did you mean “clips”?"),
        (
            '[[cameras]]\ncamera_id = "a"\nsource = "x"\nloops = true\n',
            "“cameras.0.loops”; did you mean “cameras.loop”?",
        ),
        (
            '[[cameras]]\ncamera_idd = "a"\nsource = "a.mp4"\n',
            "unknown setting “cameras.0.camera_idd”; did you mean “cameras.camera_id”? (and 1 more)",
        ),
        ("zzzzzzzzzzzz = 1\n", "unknown setting “zzzzzzzzzzzz”"),
        ("[clips]\npre_roll_seconds = -1\n", "clips.pre_roll_seconds: Input should be greater than or equal to 0"),
        ("[plates]\nkinds = ['civil', 'lunar']\n", "plates.kinds.1: Input should be 'civil', 'ww'"),
        ("[plates]\nkinds = []\n", "plates.kinds: "),
        ("not toml", "is not TOML"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_text(tmp_path, GOOD + text)
    message = str(caught.value)
    assert line in message
    assert "agent.toml" in message
    assert "\n" not in message


def test_two_cameras_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="two cameras are called a"):
        load_text(tmp_path, GOOD + '[[cameras]]\ncamera_id = "a"\nsource = "x"\n' * 2)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot read .*none\.toml: No such file or directory"):
        load(tmp_path / "none.toml")


def test_an_unknown_variable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIE_AGENT__CLIP__PRE_ROLL_SECONDS", "7")
    with pytest.raises(
        SettingsError, match="VIGIE_AGENT__CLIP__PRE_ROLL_SECONDS: unknown setting “clip”; did you mean"
    ):
        load_text(tmp_path, GOOD)


def test_a_password_in_a_cameras_address_is_not_in_the_message(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_text(tmp_path, GOOD + '[[cameras]]\ncamera_id = "A!"\nsource = "rtsp://root:secret@cam/1"\n')
    assert "secret" not in str(caught.value)


def test_sections_know_their_keys() -> None:
    assert {"agent_id", "cameras.source", "store.keep_sent_hours"} <= set(known_keys(AgentSettings))
