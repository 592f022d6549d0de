"""Every shipped profile is good for an agent, and the site's own settings win over it."""

import shutil
from pathlib import Path

import pytest

from vigie_agent.settings import load
from vigie_shared.errors import SettingsError

PROFILES = Path(__file__).parents[2] / "firmware_profiles"


def settings_file(folder: Path, profile: str, rest: str = "") -> Path:
    path = folder / "agent.toml"
    path.write_text(f'agent_id = "gate"\ndata_dir = "{folder}"\nprofile = "{profile}"\n{rest}')
    return path


@pytest.mark.parametrize("profile", sorted(PROFILES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_profile_makes_settings(tmp_path: Path, profile: Path) -> None:
    assert load(settings_file(tmp_path, str(profile))).agent_id == "gate"


def test_the_site_wins_over_the_profile_and_the_profile_over_its_base(tmp_path: Path) -> None:
    shutil.copytree(PROFILES, tmp_path / "profiles")
    settings = load(settings_file(tmp_path, "profiles/vehicle.toml", "[clips]\npre_roll_seconds = 9\n"))
    assert settings.clips.pre_roll_seconds == 9
    assert settings.clips.keep_bytes_max == 64_000_000_000
    assert settings.heartbeat.interval_seconds == 60


def test_a_profile_with_an_unknown_setting_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "odd.toml").write_text(
        'schema = 1\nslug = "odd"\nversion = "1.0.0"\nkind = "encoder"\n[settings.clips]\npre_rol_seconds = 1\n'
    )
    with pytest.raises(SettingsError, match=r"unknown setting “clips\.pre_rol_seconds”; did you mean") as caught:
        load(settings_file(tmp_path, "odd.toml"))
    assert "\n" not in str(caught.value)


def test_a_profile_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent\.toml: No such file"):
        load(settings_file(tmp_path, "absent.toml"))
