"""A film of keyframes plays, shows the original's own pictures, and lasts as long."""

import io
from pathlib import Path

import av
import pytest

from tests.agent.capture.films import packets_of
from tests.media.films import make_film, walk
from vigie_agent.clips.remux import remux
from vigie_agent.video.clips.keyframe_index import index_of
from vigie_hub.video.pull.strip import strip
from vigie_shared.errors import WireError


@pytest.fixture(params=["libx264", "libx265"])
def clip(request: pytest.FixtureRequest, tmp_path: Path) -> bytes:
    stream, packets = packets_of(make_film(tmp_path / "film.mp4", walk(1, 3), seconds=4, codec=request.param))
    return b"".join(remux(stream, packets).segments)


def heads_of(clip: bytes) -> tuple[bytes, list[bytes]]:
    index = index_of([clip])
    assert index is not None
    init, *heads = (clip[head.offset : head.offset + head.length] for head in (index.init, *index.heads))
    return init, heads


def packets_in(mp4: bytes) -> list[tuple[bytes, float | None, bool]]:
    with av.open(io.BytesIO(mp4), "r") as container:
        found = [packet for packet in container.demux(video=0) if packet.size]
        return [(bytes(packet), float((packet.pts or 0) * packet.time_base), packet.is_keyframe) for packet in found]


def test_it_holds_the_keyframes_at_their_times_and_decodes(clip: bytes) -> None:
    init, heads = heads_of(clip)
    film = strip(init, heads)
    assert packets_in(film) == [packet for packet in packets_in(clip) if packet[2]]
    with av.open(io.BytesIO(film), "r") as container:
        assert len(list(container.decode(video=0))) == len(heads)
    with av.open(io.BytesIO(film), "r") as ours, av.open(io.BytesIO(clip), "r") as whole:
        assert ours.duration == pytest.approx(whole.duration, rel=0.02)


def test_every_prefix_of_it_plays(clip: bytes) -> None:
    init, heads = heads_of(clip)
    for count in range(1, len(heads) + 1):
        with av.open(io.BytesIO(strip(init, heads[:count])), "r") as container:
            assert len(list(container.decode(video=0))) == count


@pytest.mark.parametrize("cut", [0, 7, 30, 100])
def test_what_is_no_head_is_refused(clip: bytes, cut: int) -> None:
    init, heads = heads_of(clip)
    with pytest.raises(WireError):
        strip(init, [heads[0][:cut]])
    with pytest.raises(WireError):
        strip(init, [heads[0][:-1]])
