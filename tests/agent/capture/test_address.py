import pytest

from vigie_agent.capture.address import parse_address, redacted
from vigie_shared.errors import SettingsError


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("rtsp://10.0.0.1/live", "rtsp"),
        ("RTSPS://10.0.0.1/live", "rtsp"),
        ("/srv/films/road.mp4", "file"),
        ("films/road.mp4", "file"),
        ("/dev/video0", "usb"),
    ],
)
def test_kind_follows_from_the_source(source: str, kind: str) -> None:
    assert parse_address(source).kind == kind


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://admin:s3cret@10.0.0.1:554/live?channel=1",
        "rtsp://admin:p@s3cret@10.0.0.1/live",
        "rtsp://10.0.0.1/live?user=admin&password=s3cret",
        "rtsp://s3cret@10.0.0.1/",
    ],
)
def test_secrets_are_never_shown(url: str) -> None:
    address = parse_address(url)
    assert "s3cret" not in address.shown
    assert "s3cret" not in repr(address)
    assert "10.0.0.1" in address.shown


def test_unknown_scheme_is_refused_with_what_is_possible_and_no_password() -> None:
    with pytest.raises(SettingsError, match=r"rtmp is not supported: give rtsp://") as refusal:
        parse_address("rtmp://u:s3cret@host/app")
    assert "s3cret" not in str(refusal.value)


def test_an_address_without_credentials_is_shown_whole() -> None:
    assert redacted("rtsp://10.0.0.1:554/a@b") == "rtsp://10.0.0.1:554/a@b"
