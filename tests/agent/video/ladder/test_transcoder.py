"""What is made small: eight pictures a second, few bits, readable, whatever came in."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from tests.agent.capture.films import packets_of
from tests.media.films import make_film, noisy, street, walk, with_figure
from vigie_agent.capture.packets import Codec, Packet
from vigie_agent.video.ladder.transcoder import LOW, Transcoder, fitted
from vigie_agent.video.media.source import MediaFrame

START = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass
class Film:
    codec: Codec
    packets: list[Packet]

    def frames(self) -> list[MediaFrame]:
        return [
            MediaFrame(
                one.data, one.is_keyframe, START + timedelta(seconds=one.presented_seconds), one.position_seconds
            )
            for one in self.packets
        ]


def film(path: Path, *, codec: str = "libx264", b_frames: int = 0, rate: int = 25, seconds: float = 4) -> Film:
    """A busy street of 960 x 544 at 25 pictures a second."""
    scene = street(width_px=960, height_px=544)

    def draw(at_seconds: float) -> "np.typing.NDArray[np.uint8]":
        return noisy(with_figure(scene, 0.1 + 0.2 * at_seconds, 0.3), 6.0, round(at_seconds * 1000))

    made = make_film(path, draw, seconds=seconds, gop_seconds=2, codec=codec, b_frames=b_frames, frames_per_second=rate)
    stream, packets = packets_of(made)
    return Film(stream.codec, packets)


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Film:
    return film(tmp_path_factory.mktemp("film") / "film.mp4")


def decoded(frames: list[MediaFrame]) -> list[av.VideoFrame]:
    context = av.CodecContext.create("h264", "r")
    pictures = [picture for frame in frames for picture in context.decode(av.Packet(frame.data))]
    return pictures + list(context.decode(None))


@pytest.mark.parametrize(("codec", "b_frames"), [("libx264", 0), ("libx264", 2), ("libx265", 0)])
def test_any_stream_becomes_eight_small_pictures_a_second(codec: str, b_frames: int, tmp_path: Path) -> None:
    source = film(tmp_path / "film.mp4", codec=codec, b_frames=b_frames, seconds=1.6)
    transcoder = Transcoder(source.codec, reorders=bool(b_frames))
    made = [out for frame in source.frames() for out in transcoder.feed(frame)]
    assert 12 <= len(made) <= 13
    dues = [frame.due_seconds for frame in made]
    assert all(after > before for before, after in pairwise(dues))
    assert max(after - before for before, after in pairwise(dues)) <= 0.17
    delays = {round((frame.at - START).total_seconds() - frame.due_seconds, 2) for frame in made}
    assert len(delays) == 1, "the camera's time stays with its picture"
    pictures = decoded(made)
    assert len(pictures) == len(made)
    assert (pictures[0].width, pictures[0].height) == (636, 360) == transcoder.size_px
    assert made[0].is_keyframe
    assert sum(frame.is_keyframe for frame in made) == 1
    assert transcoder.damaged == 0


def test_a_busy_scene_fits_into_the_bits_it_may_take(busy: Film) -> None:
    source = busy
    transcoder = Transcoder("h264")
    made = [out for frame in source.frames() for out in transcoder.feed(frame)]
    assert sum(len(frame.data) for frame in made) * 8 / 4 <= 300_000
    for start in range(len(made) - 16):
        window = made[start : start + 16]
        assert sum(len(frame.data) for frame in window) * 8 <= 2 * 260_000 + 130_000
    assert len(made[0].data) * 8 <= 150_000


def test_a_keyframe_comes_when_somebody_wants_one(busy: Film) -> None:
    transcoder = Transcoder("h264")
    frames = busy.frames()[:50]
    first = [out for frame in frames[:20] for out in transcoder.feed(frame)]
    transcoder.want_keyframe()
    then = [out for frame in frames[20:] for out in transcoder.feed(frame)]
    assert [frame.is_keyframe for frame in first].count(True) == 1
    assert then[0].is_keyframe
    assert decoded(then)


def test_the_picture_says_what_it_is_and_stays_clean_where_it_builds_on_itself(tmp_path: Path) -> None:
    """A stream of 320 x 192 is not scaled: what is written must not get into the decoder's own pictures."""
    stream, packets = packets_of(make_film(tmp_path / "film.mp4", walk(9, 10, sigma=0), seconds=2))
    frames = Film(stream.codec, packets).frames()
    labelled, plain = Transcoder("h264"), Transcoder("h264", target=replace(LOW, label=" "))
    one = decoded([out for frame in frames for out in labelled.feed(frame)])[-1].to_ndarray(format="gray")
    other = decoded([out for frame in frames for out in plain.feed(frame)])[-1].to_ndarray(format="gray")
    corner = one[-40:, :90].astype(int)
    assert corner.max() > 200
    assert corner.min() < 60
    different = np.abs(one.astype(int) - other.astype(int)) > 40
    assert different.any()
    assert not different[:140].any()
    assert not different[:, 120:].any()


def test_damage_costs_what_follows_up_to_the_next_keyframe(busy: Film) -> None:
    frames = busy.frames()
    transcoder = Transcoder("h264")
    assert transcoder.feed(frames[1]) == [], "nothing before a keyframe"
    made = [out for frame in [frames[0], *frames[2:50]] for out in transcoder.feed(frame)]
    assert made
    garbage = MediaFrame(b"\0\0\0\1\x65" + bytes(range(256)) * 4, True, START, 9.0)
    transcoder.feed(garbage)
    transcoder.want_keyframe()
    assert decoded([out for frame in frames[50:] for out in transcoder.feed(frame)])


def test_pictures_that_others_build_on_are_decoded_and_not_shown(busy: Film) -> None:
    frames = busy.frames()
    transcoder = Transcoder("h264")
    assert [out for frame in frames[:10] for out in transcoder.feed(frame, "never")] == []
    made = transcoder.feed(frames[10], "always")
    assert [frame.at for frame in made] == [frames[10].at]
    assert transcoder.feed(frames[11], "always"), "whatever the rate"


def test_with_b_frames_a_picture_that_stands_alone_comes_at_once(tmp_path: Path) -> None:
    frames = film(tmp_path / "film.mp4", b_frames=2, seconds=2).frames()
    transcoder = Transcoder("h264", reorders=True)
    assert len(transcoder.feed(frames[0], "always", alone=True)) == 1
    assert transcoder.feed(frames[1], "always") == [], "what it builds on was forgotten"


@pytest.mark.parametrize(
    ("source", "size"),
    [((3840, 2160), (640, 360)), ((1280, 960), (480, 360)), ((320, 192), (320, 192)), ((720, 1280), (202, 360))],
)
def test_the_shape_is_kept(source: tuple[int, int], size: tuple[int, int]) -> None:
    assert fitted(*source) == size


def test_it_takes_less_when_told_and_more_again(busy: Film) -> None:
    transcoder = Transcoder("h264")

    def bits(turn: int) -> float:
        later = (replace(frame, due_seconds=frame.due_seconds + 4 * turn) for frame in busy.frames())
        return sum(8 * len(out.data) for frame in later for out in transcoder.feed(frame)) / 4

    bits(0)
    before = bits(1)
    transcoder.limit(1.0)
    bits(2)
    less = bits(3)
    assert 0.2 * before < less < 0.6 * before, "no less than what its target says is of use"
    transcoder.limit(1e9)
    bits(4)
    assert bits(5) > 0.8 * before
