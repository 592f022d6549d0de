from pathlib import Path

import pytest

from tests.media.films import make_film, walk
from tests.media.rtsp import Faults, RtspServer
from vigie_agent.capture import nal
from vigie_agent.capture.address import Address
from vigie_agent.capture.session import Session
from vigie_shared.errors import CaptureError


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return make_film(tmp_path / "film.mp4", walk(0, 1), seconds=2)


def rtsp(url: str, credentials: str = "") -> Address:
    return Address("rtsp", url.replace("//", f"//{credentials}"))


def test_rtsp_gives_the_very_units_that_the_camera_sent(film: Path) -> None:
    with Session(Address("file", str(film)), 1) as session:
        sent = [nal.nal_units(raw.data) for raw in session.packets()]
    with RtspServer(film) as server, Session(rtsp(server.url), 5) as session:
        received = [nal.nal_units(raw.data) for raw, _ in zip(session.packets(), sent, strict=False)]
    assert received == sent


def test_a_file_that_is_not_there_says_so() -> None:
    with pytest.raises(CaptureError, match=r"^/films/none\.mp4: there is no such file: check the path"):
        Session(Address("file", "/films/none.mp4"), 1)


def test_a_file_that_is_no_video_says_so(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"not a film at all" * 100)
    with pytest.raises(CaptureError, match=r"broken\.mp4: is not a video that can be read"):
        Session(Address("file", str(broken)), 1)


def test_a_film_that_was_cut_off_says_so(film: Path) -> None:
    film.write_bytes(film.read_bytes()[:2000])
    with pytest.raises(CaptureError, match="is not a video that can be read"):
        Session(Address("file", str(film)), 1)


def test_a_missing_usb_camera_says_so() -> None:
    with pytest.raises(CaptureError, match="there is no such device"):
        Session(Address("usb", "/dev/video-none"), 1)


def test_a_refused_rtsp_address_says_so_without_the_password(film: Path) -> None:
    with RtspServer(film) as server:
        url = server.url
    with pytest.raises(CaptureError, match=r"rtsp://…@127.0.0.1:\d+/live: refuses the connection") as refusal:
        Session(rtsp(url, "admin:s3cret@"), 1)
    assert refusal.value.__cause__ is None


def test_a_wrong_password_is_told_from_a_right_one(film: Path) -> None:
    with RtspServer(film, faults=Faults(password="right")) as server:
        with pytest.raises(CaptureError, match="refuses the log-in: check user and password"):
            Session(rtsp(server.url, "admin:wrong@"), 5)
        with Session(rtsp(server.url, "admin:right@"), 5) as session:
            assert next(session.packets()).is_keyframe


def test_a_camera_that_falls_silent_is_noticed(film: Path) -> None:
    with RtspServer(film, faults=Faults(silent_from=15)) as server, Session(rtsp(server.url), 0.5) as session:
        packets = session.packets()
        with pytest.raises(CaptureError, match="sent nothing in time"):
            for _ in packets:
                pass


def test_the_library_prints_no_address(film: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with RtspServer(film) as server:
        url = server.url
    with pytest.raises(CaptureError):
        Session(rtsp(url, "admin:s3cret@"), 1)
    assert "s3cret" not in "".join(capfd.readouterr())
