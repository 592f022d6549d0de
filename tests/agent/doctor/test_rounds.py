import json
from pathlib import Path

import pytest

from tests.media.films import make_film, walk
from tests.media.rtsp import Faults, RtspServer
from vigie_agent.camera_settings import CameraSettings, MotionSettings
from vigie_agent.cli import DEGRADED, main
from vigie_agent.doctor.report import text
from vigie_agent.doctor.rounds import examine
from vigie_agent.doctor.substreams import likely_sub_source


def camera(camera_id: str, source: object, **more: object) -> CameraSettings:
    values = {"camera_id": camera_id, "source": str(source), "timeout_seconds": 2}
    return CameraSettings.model_validate(values | more)


def test_cameras_are_examined_together_and_a_dead_one_is_a_diagnosis(tmp_path: Path) -> None:
    long = make_film(tmp_path / "long.mp4", walk(0, 1), seconds=8, gop_seconds=4, b_frames=2)
    with RtspServer(long, speed=8, faults=Faults(clock_ahead_seconds=-7200)) as server:
        cameras = [
            camera("gate", server.url.replace("//", "//admin:s3cret@")),
            camera("dead", "rtsp://admin:s3cret@127.0.0.1:1/live"),
        ]
        gate, dead = examine(cameras, MotionSettings(), 10)
    assert gate.main is not None
    assert (gate.main.gop_frames, gate.main.has_b_frames, gate.main.path) == (40, True, "vigie")
    assert gate.main.clock_offset_seconds == pytest.approx(-7200, abs=30), "played eight times too fast"
    assert [advice.setting.split(" ")[0] for advice in gate.advice] == ["I-frame", "B-frames", "Clock"]
    assert dead.main is None
    assert "refuses the connection" in dead.detail
    shown = text(gate) + text(dead)
    assert "s3cret" not in shown
    assert "40, 4.0 s → 10" in shown


def test_the_second_stream_is_examined_too(tmp_path: Path) -> None:
    large = make_film(tmp_path / "large.mp4", walk(0, 1), seconds=3)
    with RtspServer(large) as main_stream, RtspServer(large) as sub_stream:
        settings = camera("gate", main_stream.url, sub_source=sub_stream.url)
        (gate,) = examine([settings], MotionSettings(), 4)
    assert gate.main is not None
    assert gate.sub is not None
    assert "second stream: h264 320 × 192, 10.0 frames/s" in text(gate)


def test_the_command_prints_json_and_says_by_its_status_that_a_camera_is_dead(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = make_film(tmp_path / "film.mp4", walk(0, 1), seconds=3)
    settings = tmp_path / "agent.toml"
    settings.write_text(
        f'agent_id = "edge"\ndata_dir = "{tmp_path}"\n'
        f'[[cameras]]\ncamera_id = "film"\nsource = "{film}"\n'
        '[[cameras]]\ncamera_id = "none"\nsource = "rtsp://127.0.0.1:1/x"\n'
    )
    common = ["doctor", "--settings", str(settings), "--seconds", "2"]
    assert main([*common, "--camera", "film", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["cameras"]
    assert (found["camera_id"], found["main"]["codec"], found["main"]["gop_frames"]) == ("film", "h264", 10)
    assert main([*common, "--camera", "none"]) == DEGRADED
    assert "no video: rtsp://127.0.0.1:1/x: refuses the connection" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("source", "sub"),
    [
        ("rtsp://h/Streaming/Channels/101", "rtsp://h/Streaming/Channels/102"),
        ("rtsp://h/Streaming/Channels/1601?x=1", "rtsp://h/Streaming/Channels/1602?x=1"),
        ("rtsp://h/cam/realmonitor?channel=1&subtype=0", "rtsp://h/cam/realmonitor?channel=1&subtype=1"),
        ("rtsp://h/h264Preview_01_main", "rtsp://h/h264Preview_01_sub"),
        ("rtsp://h/media/video1", "rtsp://h/media/video2"),
        ("rtsp://h/stream1", "rtsp://h/stream2"),
        ("rtsp://h/videoMain", "rtsp://h/videoSub"),
        ("rtsp://h/live", None),
        ("/srv/film.mp4", None),
    ],
)
def test_the_second_stream_is_sought_where_makers_put_it(source: str, sub: str | None) -> None:
    assert likely_sub_source(source) == sub
