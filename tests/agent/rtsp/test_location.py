import pytest

from vigie_agent.rtsp.errors import ProtocolError, RtspError, UnsupportedError
from vigie_agent.rtsp.location import Location, control_url


def test_user_and_password_are_taken_out_and_decoded() -> None:
    location = Location.parse("rtsp://ad%40min:p%3Aw%2F@camera.lan:8554/a/b?channel=1&subtype=0")
    assert (location.host, location.port) == ("camera.lan", 8554)
    assert (location.user, location.password) == ("ad@min", "p:w/")
    assert location.target == "rtsp://camera.lan:8554/a/b?channel=1&subtype=0"
    assert "p:w/" not in repr(location)


@pytest.mark.parametrize(
    ("url", "host", "port", "target"),
    [
        ("rtsp://10.0.0.1", "10.0.0.1", 554, "rtsp://10.0.0.1/"),
        ("RTSP://10.0.0.1/live", "10.0.0.1", 554, "rtsp://10.0.0.1/live"),
        ("rtsp://[fe80::1]:8554/live", "fe80::1", 8554, "rtsp://[fe80::1]:8554/live"),
    ],
)
def test_what_is_not_given_has_its_default(url: str, host: str, port: int, target: str) -> None:
    location = Location.parse(url)
    assert (location.host, location.port, location.target, location.user) == (host, port, target, None)


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("rtsps://10.0.0.1/live", UnsupportedError),
        ("rtsp:///live", ProtocolError),
        ("rtsp://10.0.0.1:99999/live", ProtocolError),
        ("rtsp://10.0.0.1/li ve", ProtocolError),
        ("rtsp://[::1/live", ProtocolError),
    ],
)
def test_what_cannot_be_called_is_refused(url: str, error: type[RtspError]) -> None:
    with pytest.raises(error):
        Location.parse(url)


@pytest.mark.parametrize(
    ("base", "control", "url"),
    [
        ("rtsp://h/live/", "track1", "rtsp://h/live/track1"),
        ("rtsp://h/live", "track1", "rtsp://h/live/track1"),
        ("rtsp://h/cam?channel=1&subtype=0/", "trackID=0", "rtsp://h/cam?channel=1&subtype=0/trackID=0"),
        ("rtsp://h/live/", "rtsp://h/other/track1", "rtsp://h/other/track1"),
        ("rtsp://h/live/", "*", "rtsp://h/live/"),
        ("rtsp://h/live/", "", "rtsp://h/live/"),
    ],
)
def test_controls_are_joined_as_cameras_mean_them(base: str, control: str, url: str) -> None:
    assert control_url(base, control) == url
