import socket
import urllib.request
from pathlib import Path

import pytest

from tests.agent.capture.films import packets_of
from tests.agent.store.samples import clip, open_store, settle
from tests.agent.test_camera import Kept, camera, watch_of
from tests.media.films import make_film, walk
from vigie_agent.metrics import served
from vigie_agent.settings import MetricsSettings
from vigie_shared.errors import SettingsError


def scraped(port: int | None) -> dict[str, float]:
    """Each figure by its name and labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def test_prometheus_hears_how_cameras_and_store_fare(tmp_path: Path) -> None:
    store = open_store(tmp_path / "data")
    store.keep_clip(clip(size_bytes=500))
    settle(store)
    watch = watch_of(camera("/films/none.mp4", name="Gate of Mr. X"), Kept())
    stream, packets = packets_of(make_film(tmp_path / "film.mp4", walk(0, 1), seconds=3))
    watch.on_stream(stream)
    for packet in packets:
        watch.on_packet(packet)
    with served(MetricsSettings(port=0), [watch], store, lambda: {"gate": 2}) as port:
        figures = scraped(port)
    assert figures['vigie_camera_streaming{camera="gate"}'] == 1
    assert figures['vigie_watchers{camera="gate"}'] == 2
    assert figures['vigie_camera_frames_per_second{camera="gate"}'] == pytest.approx(10, abs=0.2)
    assert figures['vigie_camera_dropped_packets_total{camera="gate"}'] == 0
    assert (figures["vigie_store_up"], figures["vigie_clips"], figures["vigie_clips_bytes"]) == (1, 1, 500)
    assert figures["process_resident_memory_bytes"] > 1e6
    assert "Mr. X" not in str(figures)
    watch.stop()
    store.close()


def test_no_port_is_open_unless_it_is_set(tmp_path: Path) -> None:
    assert MetricsSettings().port is None
    assert MetricsSettings().address == "127.0.0.1"
    store = open_store(tmp_path / "data")
    with served(MetricsSettings(), [], store) as port:
        assert port is None
    store.close()


def test_a_port_that_is_taken_is_one_clear_line(tmp_path: Path) -> None:
    store = open_store(tmp_path / "data")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(SettingsError, match=rf"metrics cannot be served on 127\.0\.0\.1:{port} \(Address already"),
            served(MetricsSettings(port=port), [], store),
        ):
            pass
    store.close()
