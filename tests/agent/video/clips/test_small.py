"""A clip made small: another film of the same pictures, signed as such, of which each beginning plays."""

import io
from collections.abc import Callable, Iterator
from fractions import Fraction

import av
import pytest

from tests.agent.capture.films import packets_of
from tests.media.films import make_film, walk
from vigie_agent.clips.remux import remux
from vigie_agent.video.clips.small import SmallClips, made_small, segments_of
from vigie_shared.errors import StoreError
from vigie_shared.transfer import Manifest, block_bytes_for, block_digests, manifest_statement

CLIP_ID = "0123456789abcdef012345"
Segments = Callable[..., tuple[bytes, ...]]


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Segments:
    """The segments of a clip of six seconds, a keyframe each."""

    def film(codec: str = "libx264", b_frames: int = 0, kbps: int | None = 2000) -> tuple[bytes, ...]:
        path = tmp_path_factory.mktemp("film") / "film.mp4"
        made = make_film(path, walk(1, 3), seconds=6, codec=codec, frames_per_second=24, b_frames=b_frames, kbps=kbps)
        return remux(*packets_of(made)).segments

    return film


class OneClip:
    """The store of an agent that has one."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.reads = 0

    def manifest(self, clip_id: str) -> Manifest:
        block_bytes = block_bytes_for(len(self.data))
        sha256, blocks = block_digests([self.data], block_bytes)
        return Manifest(
            clip_id=clip_id, bytes=len(self.data), sha256=sha256, block_bytes=block_bytes, block_sha256=blocks
        )

    def read(self, clip_id: str, offset: int, length: int) -> Iterator[bytes]:
        self.reads += 1
        yield self.data[offset : offset + length]


def shown_seconds(mp4: bytes) -> list[float]:
    """When each picture is shown."""
    with av.open(io.BytesIO(mp4), "r") as container:
        track = container.streams.video[0]
        assert (track.codec_context.name, track.width <= 640, track.height <= 360) == ("h264", True, True)
        return [float((frame.pts or 0) * (frame.time_base or Fraction(1))) for frame in container.decode(track)]


@pytest.mark.parametrize(("codec", "b_frames"), [("libx264", 0), ("libx264", 2), ("libx265", 0)])
def test_all_of_it_is_shown_eight_pictures_a_second(filmed: Segments, codec: str, b_frames: int) -> None:
    small, size_px = made_small(filmed(codec, b_frames, None))
    times = shown_seconds(small)
    assert times == sorted(times)
    assert 5.5 < times[-1] - times[0] < 6.1
    assert 44 <= len(times) <= 50
    assert size_px[0] <= 640


def test_each_beginning_plays(filmed: Segments) -> None:
    small, _size_px = made_small(filmed())
    parts = list(segments_of([small]))
    assert b"".join(parts) == small
    assert len(parts) == 1 + 3, "an init segment, then a keyframe every other second"
    seconds = [shown_seconds(b"".join(parts[: 1 + count]))[-1] for count in (1, 2, 3)]
    assert seconds == sorted(seconds)
    assert seconds[0] < 2.2


@pytest.mark.parametrize("piece_bytes", [1, 777, 1 << 20])
def test_fragments_are_found_whatever_the_pieces(filmed: Segments, piece_bytes: int) -> None:
    segments = filmed("libx264", 0, 200)
    clip = b"".join(segments)
    assert tuple(segments_of(clip[at : at + piece_bytes] for at in range(0, len(clip), piece_bytes))) == segments


@pytest.mark.parametrize("data", [b"", b"\xff" * 100, b"\0\0\0\x07moof" * 9, b"\0\0\0\x08moof" * 9, bytes(100)])
def test_what_is_no_film_is_not_made_small(data: bytes) -> None:
    with pytest.raises(StoreError):
        made_small([data])


def test_it_is_signed_as_what_it_is_and_made_once(filmed: Segments) -> None:
    clips = OneClip(b"".join(filmed()))
    small = SmallClips(clips, "gate", lambda statement: statement.hex()[:128])
    clip = clips.manifest(CLIP_ID)
    made = small.of(clip, lambda: False)
    assert small.of(clip, lambda: False) is made
    assert clips.reads == 1
    derived = made.manifest.derived
    assert derived is not None
    assert (derived.source_sha256, derived.how) == (clip.sha256, "transcode")
    assert b"".join(made.read(CLIP_ID, 0, made.manifest.bytes)) == made.data
    assert block_digests([made.data])[0] == made.manifest.sha256 != clip.sha256
    claimed = made.manifest.model_copy(update={"derived": None})
    assert manifest_statement("gate", made.manifest) != manifest_statement("gate", claimed), "nobody can strip it"


def test_one_that_would_be_no_smaller_is_refused(filmed: Segments) -> None:
    clips = OneClip(b"".join(filmed("libx264", 0, 100)))
    with pytest.raises(StoreError, match="no smaller"):
        SmallClips(clips, "gate", lambda _statement: "").of(clips.manifest(CLIP_ID), lambda: False)


def test_it_stops_where_nobody_waits_any_more(filmed: Segments) -> None:
    with pytest.raises(StoreError, match="nobody waits"):
        made_small(filmed(), lambda: True)


def test_without_a_key_there_is_none(filmed: Segments) -> None:
    clips = OneClip(b"".join(filmed()))
    with pytest.raises(StoreError, match="no sub-stream"):
        SmallClips(clips, "gate", None).of(clips.manifest(CLIP_ID), lambda: False)
