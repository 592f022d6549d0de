from pathlib import Path

import pytest
from pydantic import ValidationError

from vigie_hub.settings import HubSettings
from vigie_shared.errors import SettingsError


def load(tmp_path: Path, text: str) -> HubSettings:
    path = tmp_path / "hub.toml"
    path.write_text(text, encoding="utf-8")
    return HubSettings.load(path)


def test_a_data_folder_is_all_that_must_be_set(tmp_path: Path) -> None:
    settings = load(tmp_path, 'data_dir = "d"')
    assert (settings.api.port, settings.nats.url) == (8080, "nats://127.0.0.1:4222")
    assert settings.database_path == Path("d/hub.db")


def test_environment_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIE_HUB__API__PORT", "9090")
    settings = load(tmp_path, 'data_dir = "d"\n[api]\nhost = "0.0.0.0"\nport = 1')
    assert (settings.api.host, settings.api.port) == ("0.0.0.0", 9090)


def test_settings_do_not_change(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load(tmp_path, 'data_dir = "d"').data_dir = Path("e")  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "setting data_dir is missing"),
        ('data_dir = "d"\ndata_dri = 1', "unknown setting data_dri: did you mean data_dir?"),
        ('data_dri = "d"', "unknown setting data_dri: did you mean data_dir?"),
        ('data_dir = "d"\n[api]\nprot = 1', "unknown setting api.prot: did you mean port?"),
        ('data_dir = "d"\n[api]\nzzz = 1', "unknown setting api.zzz: here one of host, port, url can stand"),
        ('data_dir = "d"\n[api]\nport = 70000', "setting api.port: Input should be less than or equal to 65535"),
        ('data_dir = "d"\n[nats]\nurl = "http://x"', "setting nats.url"),
        ('data_dir = "d"\n[nats]\nurl = "nats://10.0.0.7:4222"', "beyond this machine it must be tls://"),
        ('data_dir = "d"\n[nats]\nagents_url = "nats://hub:4222"', "beyond this machine it must be tls://"),
        ('data_dir = "d"\n[api]\nurl = "http://hub"', "beyond this machine it must be https://"),
        ('data_dir = "d"\n[tls]\nkey = "k.pem"', "give all three, or none"),
        ("data_dir = ", "not TOML"),
    ],
)
def test_bad_setting_is_one_clear_line(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, text)
    assert complaint in str(caught.value)
    assert str(tmp_path / "hub.toml") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_variable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIE_HUB__APY__PORT", "1")
    with pytest.raises(SettingsError, match=r"VIGIE_HUB__APY__PORT: unknown setting apy: did you mean api\?"):
        load(tmp_path, 'data_dir = "d"')


def test_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        HubSettings.load(tmp_path / "none.toml")


def test_every_address_by_which_agents_come_is_in_the_certificate(tmp_path: Path) -> None:
    text = 'data_dir = "d"\n[nats]\nagents_url = "tls://hub:4222"\nagents_urls_more = ["tls://[fd00::7]:4222", "tls://vpn:9"]'
    assert {"hub", "fd00::7", "vpn"} <= load(tmp_path, text).hosts
