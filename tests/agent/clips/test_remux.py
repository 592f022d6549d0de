import io
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import pytest

from tests.agent.capture.films import packets_of
from tests.media.films import make_film, walk
from vigie_agent.capture import nal
from vigie_agent.capture.packets import Packet, StreamInfo
from vigie_agent.clips.remux import remux
from vigie_shared.errors import CaptureError


@pytest.fixture(params=["libx264", "libx265", "b-frames"])
def film(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[StreamInfo, list[Packet]]:
    codec = "libx265" if request.param == "libx265" else "libx264"
    b_frames = 2 if request.param == "b-frames" else 0
    return packets_of(make_film(tmp_path / "film.mp4", walk(1, 3), seconds=4, codec=codec, b_frames=b_frames))


def test_the_elementary_stream_is_bit_identical(film: tuple[StreamInfo, list[Packet]], tmp_path: Path) -> None:
    stream, packets = film
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"".join(remux(stream, packets).segments))
    again, unpacked = packets_of(path)
    assert [nal.nal_units(one.data) for one in unpacked] == [nal.nal_units(one.data) for one in packets]
    assert (again.codec, again.width_px, again.height_px) == (stream.codec, stream.width_px, stream.height_px)


def test_each_prefix_of_segments_plays(film: tuple[StreamInfo, list[Packet]]) -> None:
    stream, packets = film
    segments = remux(stream, packets).segments
    gops = [index for index, one in enumerate(packets) if one.is_keyframe] + [len(packets)]
    assert len(segments) == len(gops)
    assert segments[0][4:8] == b"ftyp"
    for count in range(1, len(segments)):
        assert segments[count][4:8] == b"moof"
        with av.open(io.BytesIO(b"".join(segments[: count + 1])), "r") as container:
            frames = list(container.decode(video=0))
        assert len(frames) == gops[count]


def test_time_begins_at_zero_and_keeps_its_pace(film: tuple[StreamInfo, list[Packet]]) -> None:
    stream, packets = film
    made = remux(stream, packets[packets.index(next(one for one in packets[1:] if one.is_keyframe)) :])
    with av.open(io.BytesIO(b"".join(made.segments)), "r") as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert times[0] == 0.0 or any(one.pts != one.dts for one in packets), "only reordering delays the first picture"
    assert [round(after - before, 3) for before, after in pairwise(times)] == [0.1] * (len(times) - 1)
    assert made.duration_seconds == pytest.approx(3.0)


def test_times_come_from_positions_and_not_from_stray_timestamps(tmp_path: Path) -> None:
    stream, packets = packets_of(make_film(tmp_path / "film.mp4", walk(1, 3), seconds=2))
    astray = [
        replace(one, pts=one.pts - 10**9, dts=one.dts - 10**9) if index > 5 else one
        for index, one in enumerate(packets)
    ]
    assert remux(stream, astray) == remux(stream, packets)


def test_codec_and_size_are_those_of_the_bytes(tmp_path: Path) -> None:
    stream, packets = packets_of(make_film(tmp_path / "film.mp4", walk(1, 3), seconds=2))
    made = remux(stream, packets)
    assert made.size_bytes == len(b"".join(made.segments))
    assert made.codec_string.startswith("avc1.")
    assert remux(stream, packets) == made, "the same packets give the same bytes"


def test_a_single_picture_is_a_clip(tmp_path: Path) -> None:
    stream, packets = packets_of(make_film(tmp_path / "film.mp4", walk(1, 3), seconds=2))
    made = remux(stream, packets[:1])
    assert made.duration_seconds == pytest.approx(0.1)
    assert len(made.segments) == 2


def test_packets_that_do_not_begin_with_a_keyframe_are_refused(tmp_path: Path) -> None:
    stream, packets = packets_of(make_film(tmp_path / "film.mp4", walk(1, 3), seconds=2))
    for wrong in ([], packets[1:]):
        with pytest.raises(CaptureError, match="begin with a keyframe"):
            remux(stream, wrong)
