"""The times of segments, from their own boxes."""

from pathlib import Path

import pytest

from tests.agent.capture.films import packets_of
from tests.media.films import make_film, walk
from vigie_agent.clips import fragments
from vigie_agent.clips.remux import remux


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_each_segment_says_when_it_begins_and_ends(codec: str, tmp_path: Path) -> None:
    stream, packets = packets_of(make_film(tmp_path / "film.mp4", walk(1, 3), seconds=4, codec=codec))
    init, *gops = remux(stream, packets).segments
    spans = [fragments.span(fragments.timescale(init), gop) for gop in gops]
    starts = [round(one.position_seconds * 1000) for one in packets if one.is_keyframe]
    assert [span.starts_ms for span in spans if span] == pytest.approx([at - starts[0] for at in starts], abs=1)
    assert spans[-1] is not None
    assert spans[-1].ends_ms == pytest.approx(4000, abs=1)
    assert [one.ends_ms for one in spans[:-1] if one] == pytest.approx(
        [one.starts_ms for one in spans[1:] if one], abs=1
    )


@pytest.mark.parametrize(
    "data", [b"", b"\0\0\0\0moof", b"\xff" * 100, b"\0\0\0\x08moof", b"\0\0\0\x10moof\0\0\0\x08tfdt"]
)
def test_what_is_no_fragment_has_no_times(data: bytes) -> None:
    assert fragments.timescale(data) is None
    assert fragments.span(1000, data) is None
