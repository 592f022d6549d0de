"""Profiles are data: validated, single inheritance, the file's name is the slug."""

from pathlib import Path

import pytest

from vigie_shared.errors import SettingsError
from vigie_shared.profiles import load, merged

HEAD = 'schema = 1\nversion = "1.0.0"\nkind = "encoder"\n'


def write(folder: Path, slug: str, rest: str = "") -> Path:
    path = folder / f"{slug}.toml"
    path.write_text(f'slug = "{slug}"\n{HEAD}{rest}')
    return path


def test_a_profile_adds_to_what_it_extends(tmp_path: Path) -> None:
    write(tmp_path, "encoder", "[settings.clips]\npre_roll_seconds = 5\npost_roll_seconds = 2\n")
    special = write(tmp_path, "special", 'extends = "encoder"\n[settings.clips]\npre_roll_seconds = 9\n')
    assert load(special).settings == {"clips": {"pre_roll_seconds": 9, "post_roll_seconds": 2}}


def test_lists_are_replaced_whole() -> None:
    assert merged({"a": [1, 2], "b": {"c": 1}}, {"a": [3], "b": 4}) == {"a": [3], "b": 4}


@pytest.mark.parametrize(
    ("rest", "complaint"),
    [
        ("colour = 1\n", "colour: Extra inputs are not permitted"),
        ('extends = "absent"\n', r"absent\.toml: No such file"),
        ('extends = "chained"\n', "one level is allowed"),
        ("[settings\n", "not TOML"),
        ('extends = "../secret"\n', "extends: String should match pattern"),
    ],
)
def test_a_broken_profile_is_one_clear_line(tmp_path: Path, rest: str, complaint: str) -> None:
    write(tmp_path, "encoder")
    write(tmp_path, "chained", 'extends = "encoder"\n')
    with pytest.raises(SettingsError, match=complaint) as caught:
        load(write(tmp_path, "special", rest))
    assert "\n" not in str(caught.value)


def test_a_file_is_named_by_its_slug(tmp_path: Path) -> None:
    path = write(tmp_path, "encoder").rename(tmp_path / "other.toml")
    with pytest.raises(SettingsError, match=r"name the file encoder\.toml"):
        load(path)
