"""A still is of the newest picture that can be decoded, whatever the stream."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image

from tests.agent.capture.films import packets_of
from tests.media.films import make_film, walk
from vigie_agent.capture.packets import Codec
from vigie_agent.video.media.source import MediaFrame
from vigie_agent.video.stills.shutter import Shutter

START = datetime(2026, 3, 1, tzinfo=UTC)


def film(folder: Path, codec: str = "libx264", b_frames: int = 0) -> tuple[Codec, list[MediaFrame]]:
    """Two seconds; keyframes are a second apart."""
    made = make_film(folder / "film.mp4", walk(0, 2), seconds=2, codec=codec, b_frames=b_frames)
    stream, packets = packets_of(made)
    return stream.codec, [
        MediaFrame(one.data, one.is_keyframe, START + timedelta(seconds=one.presented_seconds), one.position_seconds)
        for one in packets
    ]


@pytest.mark.parametrize(("codec", "b_frames", "late"), [("libx264", 0, 0), ("libx264", 2, 0.5), ("libx265", 0, 0)])
def test_the_newest_picture_is_taken_with_its_own_time(tmp_path: Path, codec: str, b_frames: int, late: float) -> None:
    kind, frames = film(tmp_path, codec, b_frames)
    shutter = Shutter(kind, reorders=b_frames > 0)
    half = len(frames) // 4
    first, second = shutter.shoot(frames[:half], 20_000, alone=False), shutter.shoot(frames[half:], 20_000, alone=False)
    assert first is not None
    assert second is not None
    for (frame, jpeg), newest in ((first, frames[:half]), (second, frames)):
        age = max(one.at for one in newest) - frame.at
        assert timedelta(0) <= age <= timedelta(seconds=late), "a decoder of B-frames holds some back"
        assert Image.open(io.BytesIO(jpeg)).format == "JPEG"
    assert first[1] != second[1]


@pytest.mark.parametrize(("codec", "b_frames"), [("libx264", 0), ("libx264", 2), ("libx265", 0)])
def test_a_keyframe_is_enough_alone(tmp_path: Path, codec: str, b_frames: int) -> None:
    kind, frames = film(tmp_path, codec, b_frames)
    shutter = Shutter(kind, reorders=b_frames > 0)
    for keyframe in [frame for frame in frames if frame.is_keyframe]:
        found = shutter.shoot([keyframe], 20_000, alone=True)
        assert found is not None
        assert found[0] is keyframe


def test_nothing_is_made_of_what_builds_on_nothing_and_damage_ends_with_a_keyframe(tmp_path: Path) -> None:
    kind, frames = film(tmp_path)
    shutter = Shutter(kind, reorders=False)
    assert shutter.shoot(frames[1:5], 20_000, alone=False) is None
    assert shutter.shoot([replace(frames[0], data=b"\0\0\0\1\x65" + bytes(40))], 20_000, alone=False) is None
    assert shutter.shoot(frames[1:5], 20_000, alone=False) is None
    assert shutter.shoot(frames[:5], 20_000, alone=False) is not None
