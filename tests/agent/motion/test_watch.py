import json
from pathlib import Path

import pytest

from tests.agent.capture.films import packets_of
from tests.media.films import make_film, walk
from vigie_agent.camera_settings import MotionSettings
from vigie_agent.capture.packets import Packet, StreamInfo
from vigie_agent.motion.watch import MotionWatch, Observation

FOOTAGE = Path(__file__).parents[4] / "shared" / "data" / "video"


def watched(stream: StreamInfo, packets: list[Packet]) -> list[tuple[Packet, Observation]]:
    watch = MotionWatch(MotionSettings(), stream.codec, deblock=False)
    seen = [(packet, watch.feed(packet)) for packet in packets]
    return [*seen, (packets[-1], Observation(watch.finish(), []))]


def test_it_decodes_little_while_quiet_and_everything_while_moving(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4", walk(10, 14), seconds=24)
    seen = watched(*packets_of(film))
    changes = [change for _packet, one in seen for change in one.changes]
    assert [change.kind for change in changes] == ["started", "ended"]
    started, ended = changes
    assert started.position_seconds == pytest.approx(10, abs=1.0)
    assert ended.position_seconds == pytest.approx(14, abs=0.5)
    shown = [frame.position_seconds for _packet, one in seen for frame in one.frames]
    assert shown == pytest.approx([started.position_seconds + index / 10 for index in range(len(shown))])
    assert shown[-1] == pytest.approx(ended.position_seconds + 3, abs=0.3)


def test_with_rare_keyframes_it_sees_what_comes_and_goes_between_them(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4", walk(11, 14), seconds=20, gop_seconds=5)
    changes = [change for _packet, one in watched(*packets_of(film)) for change in one.changes]
    assert [change.kind for change in changes] == ["started", "ended"]
    assert changes[0].position_seconds == pytest.approx(11, abs=0.5)


@pytest.mark.parametrize("name", ["car-detection", "lown_cbr"])
def test_real_cars_are_found_and_nothing_else(name: str) -> None:
    film, truth = FOOTAGE / f"{name}.mp4", FOOTAGE / "truth" / f"{name}.json"
    if not film.exists():
        pytest.skip(f"{film.name} is not here: put the footage into {FOOTAGE}")
    stream, packets = packets_of(film)
    changes = [change for _packet, one in watched(stream, packets) for change in one.changes]
    found = [
        (change.position_seconds, ended.position_seconds)
        for change, ended in zip(changes[::2], changes[1::2], strict=True)
    ]
    events = json.loads(truth.read_text())["events"]
    gop_seconds = 2.0
    assert len(found) == len(events)
    for (start, end), event in zip(found, events, strict=True):
        assert event["start"] - 0.5 <= start <= event["start"] + gop_seconds
        assert event["end"] - 0.5 <= end <= event["end"] + 1.5
