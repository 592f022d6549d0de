import selectors
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.media.films import make_film, walk
from tests.media.rtsp import Faults, RtspServer
from vigie_agent.capture import connection as module
from vigie_agent.capture.connection import READ_BYTES, Connection, StreamEndedError, UnknownHostError
from vigie_agent.rtsp.location import Location
from vigie_agent.rtsp.pictures import Picture

BUFFER = memoryview(bytearray(READ_BYTES))


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_film(tmp_path_factory.mktemp("films") / "film.mp4", walk(0, 1), seconds=2)


@pytest.fixture
def selector() -> Iterator[selectors.BaseSelector]:
    with selectors.DefaultSelector() as selector:
        yield selector


def pictures_of(connection: Connection, selector: selectors.BaseSelector, count: int) -> list[Picture]:
    """Advance, waiting as the receiver does, until there are so many."""
    pictures: list[Picture] = []
    until = time.monotonic() + 20
    while len(pictures) < count and time.monotonic() < until:
        if selector.get_map():
            selector.select(0.05)
        pictures += connection.advance(time.monotonic(), BUFFER)
    return pictures


def test_a_conversation_is_woken_for_until_it_plays(film: Path, selector: selectors.BaseSelector) -> None:
    with RtspServer(film) as server:
        connection = Connection(Location.parse(server.url), selector, lambda: None)
        assert connection.advance(0.0, BUFFER) == []
        assert len(selector.get_map()) == 1
        assert pictures_of(connection, selector, 3)[0].is_keyframe
        assert len(selector.get_map()) == 0
        connection.close()


def test_a_name_is_resolved_without_waiting_for_it(film: Path, selector: selectors.BaseSelector) -> None:
    with RtspServer(film) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        connection = Connection(Location.parse(url), selector, lambda: None, attempt=1)
        try:
            assert pictures_of(connection, selector, 1)
        except ConnectionRefusedError:  # IPv6 came second and nobody listens there: the next attempt takes the other.
            connection.close()
            connection = Connection(Location.parse(url), selector, lambda: None, attempt=2)
            assert pictures_of(connection, selector, 1)
        connection.close()


def test_faults_of_the_network_are_told_apart(film: Path, selector: selectors.BaseSelector) -> None:
    refused = Connection(Location.parse("rtsp://127.0.0.1:1/live"), selector, lambda: None)
    with pytest.raises(ConnectionRefusedError):
        pictures_of(refused, selector, 1)
    refused.close()
    nameless = Connection(Location.parse("rtsp://no-such-camera.invalid/"), selector, lambda: None)
    with pytest.raises(UnknownHostError):
        pictures_of(nameless, selector, 1)
    nameless.close()
    with RtspServer(film, faults=Faults(hangs_up_at=3)) as server:
        connection = Connection(Location.parse(server.url), selector, lambda: None)
        with pytest.raises(StreamEndedError):
            pictures_of(connection, selector, 100)
        connection.close()


def test_the_session_is_kept_alive(film: Path, selector: selectors.BaseSelector) -> None:
    with RtspServer(film) as server:
        connection = Connection(Location.parse(server.url), selector, lambda: None)
        pictures_of(connection, selector, 1)
        asked: list[str] = []
        connection.client.keep_alive = lambda: asked.append("alive")  # type: ignore[method-assign]
        now_seconds = time.monotonic()
        connection.advance(now_seconds + 29, BUFFER)
        assert asked == []
        connection.advance(now_seconds + 31, BUFFER)
        connection.advance(now_seconds + 32, BUFFER)
        assert asked == ["alive"]
        connection.close()


def test_a_flood_is_read_in_portions(
    film: Path, selector: selectors.BaseSelector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READS_MAX", 1)
    small = memoryview(bytearray(2000))
    with RtspServer(film, speed=10_000) as server:
        connection = Connection(Location.parse(server.url), selector, lambda: None)
        pictures_of(connection, selector, 1)
        for _look in range(20):
            assert len(connection.advance(time.monotonic(), small)) <= 3
        connection.close()
