"""The index names each keyframe by its very bytes, whatever the pieces in which the clip passes by."""

import pytest

from tests.agent.capture.films import packets_of
from tests.media.films import make_film, walk
from vigie_agent.clips.remux import remux
from vigie_agent.video.clips.keyframe_index import Indexer, index_of
from vigie_shared.transfer import HEADS_MAX, head_digest


@pytest.fixture(scope="module")
def segments(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, ...]:
    """A clip of four seconds, a keyframe each."""
    stream, packets = packets_of(make_film(tmp_path_factory.mktemp("film") / "film.mp4", walk(1, 3), seconds=4))
    return remux(stream, packets).segments


@pytest.mark.parametrize("piece_bytes", [1, 777, 1 << 20])
def test_the_heads_are_where_the_fragments_begin(segments: tuple[bytes, ...], piece_bytes: int) -> None:
    clip = b"".join(segments)
    index = index_of(clip[at : at + piece_bytes] for at in range(0, len(clip), piece_bytes))
    assert index is not None
    assert index.init.length == len(segments[0])
    starts = [sum(map(len, segments[:number])) for number in range(1, len(segments))]
    assert [head.offset for head in index.heads] == starts
    for head, segment in zip(index.heads, segments[1:], strict=True):
        assert head.digest == head_digest(segment[: head.length])
        assert head.length < len(segment)


def test_of_very_many_keyframes_evenly_spaced_ones_are_named(segments: tuple[bytes, ...]) -> None:
    indexer = Indexer()
    indexer.feed(segments[0])
    for number in range(2 * HEADS_MAX + 1):
        assert indexer.feed(segments[1 + number % (len(segments) - 1)])
    index = indexer.finish()
    assert index is not None
    assert HEADS_MAX / 2 < len(index.heads) <= HEADS_MAX


@pytest.mark.parametrize(
    "data", [b"", b"\xff" * 100, b"\0\0\0\x08moof" * 9, b"\0\0\0\x07moof" * 9, b"\0\0\0\0ftyp", bytes(100)]
)
def test_what_is_no_fragmented_film_has_no_index(segments: tuple[bytes, ...], data: bytes) -> None:
    assert index_of([data]) is None
    assert index_of([segments[0], data]) is None


def test_a_fragment_that_lies_about_its_first_picture_has_no_index(segments: tuple[bytes, ...]) -> None:
    sizes = bytearray(segments[1])
    at = sizes.index(b"trun") + 4
    sizes[at + 8 : at + 12] = (1 << 30).to_bytes(4, "big")
    assert index_of([segments[0], bytes(sizes)]) is None
