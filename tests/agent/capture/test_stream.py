from dataclasses import replace
from pathlib import Path

from tests.media.films import make_film, walk
from tests.media.rtsp import read_film
from vigie_agent.capture import nal
from vigie_agent.capture.stream import RtspStream
from vigie_agent.rtsp.pictures import Picture
from vigie_agent.rtsp.reports import SenderReport
from vigie_agent.rtsp.sdp import VideoTrack

TRACK = VideoTrack("h264", 96, 90_000, "track1")


def pictures(film: Path) -> list[Picture]:
    _codec, units, _sets, _loop = read_film(film)
    return [Picture(nal.annex_b(one.units), one.ticks, index % 10 == 0) for index, one in enumerate(units)]


def test_a_stream_describes_itself_at_the_first_keyframe_and_anew_where_the_camera_is_set_anew(tmp_path: Path) -> None:
    small = pictures(make_film(tmp_path / "small.mp4", walk(0, 1), seconds=2))
    large = pictures(make_film(tmp_path / "large.mp4", lambda at: walk(0, 1)(at)[:160], seconds=2))
    stream = RtspStream(replace(TRACK, frames_per_second=12.5))
    assert stream.info is None
    stream.packet(small[0], None)
    first = stream.info
    assert first is not None
    assert (first.width_px, first.height_px, first.frames_per_second) == (320, 192, 12.5)
    stream.packet(small[10], None)
    assert stream.info is first, "the same words again are no new stream"
    stream.packet(large[0], None)
    assert stream.info is not None
    assert stream.info.height_px == 160


def test_packets_carry_the_camera_s_time_where_it_reports() -> None:
    stream = RtspStream(TRACK)
    picture = Picture(b"\x00\x00\x00\x01\x41", 180_000, False)
    assert stream.packet(picture, None).camera_unix_seconds is None
    assert stream.packet(picture, SenderReport(1000.0, 90_000)).camera_unix_seconds == 1001.0


def test_a_keyframe_whose_parameter_sets_make_no_sense_describes_nothing() -> None:
    stream = RtspStream(TRACK)
    stream.packet(Picture(nal.annex_b([b"\x67\x64", b"\x68\xee", b"\x65\x88"]), 0, True), None)
    assert stream.info is None
