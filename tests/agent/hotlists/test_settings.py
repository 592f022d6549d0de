from pathlib import Path

import pytest

from vigie_agent.settings import AgentSettings, load
from vigie_shared import profiles
from vigie_shared.errors import SettingsError

PROFILES = Path(__file__).parents[3] / "law_profiles"


def loaded(folder: Path, text: str = "", profile: str | None = "three-minutes.toml") -> AgentSettings:
    named = f'law_profile = "{PROFILES / profile}"\n' if profile else ""
    file = folder / "agent.toml"
    file.write_text(f'{named}agent_id = "edge"\ndata_dir = "{folder}"\n{text}', encoding="utf-8")
    return load(file)


@pytest.mark.parametrize("path", sorted(PROFILES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_law_profile_is_one_and_says_where_it_comes_from(path: Path, tmp_path: Path) -> None:
    profile = profiles.load(path)
    assert profile.kind == "law"
    assert profile.evidence
    assert loaded(tmp_path, profile=path.name).law.keep_non_hits_seconds is not None


def test_without_a_profile_all_is_kept(tmp_path: Path) -> None:
    assert loaded(tmp_path, profile=None).law.keep_non_hits_seconds is None


def test_a_site_may_be_stricter(tmp_path: Path) -> None:
    assert loaded(tmp_path, "[law]\nkeep_non_hits_seconds = 60\n").law.keep_non_hits_seconds == 60


def test_a_site_may_not_be_laxer_whether_by_file_or_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match="180 at most"):
        loaded(tmp_path, "[law]\nkeep_non_hits_seconds = 600\n")
    monkeypatch.setenv("VIGIE_AGENT__LAW__KEEP_NON_HITS_SECONDS", "600")
    with pytest.raises(SettingsError, match="180 at most"):
        loaded(tmp_path)


def test_a_profile_of_another_kind_is_no_law(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="law_profile"):
        loaded(tmp_path, profile="../firmware_profiles/vehicle.toml")
