"""Pictures of a clip, from its file and from what has come of it."""

import hashlib
import io
from pathlib import Path

import av
import pytest
from PIL import Image

from tests.agent.capture.films import packets_of
from tests.media.films import make_film, walk
from vigie_agent.clips.remux import remux
from vigie_agent.video.clips.keyframe_index import index_of
from vigie_hub.video.pull.footage import Footage, fragments_of, playable_bytes
from vigie_hub.video.pull.progress import Seen
from vigie_shared.errors import StoreError, WireError

SECONDS = 4


@pytest.fixture(scope="module", params=["libx264", "libx265"])
def clip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("film")
    made = remux(*packets_of(make_film(folder / "film.mp4", walk(1, 3), seconds=SECONDS, codec=request.param)))
    path = folder / "clip.mp4"
    path.write_bytes(b"".join(made.segments))
    return path


def part_of(clip: Path, heads: set[int]) -> Footage:
    index = index_of([clip.read_bytes()])
    assert index is not None
    return Footage.of_part(clip, Seen(index=index, heads=frozenset(heads)))


def test_an_archived_clip_and_one_on_its_way_show_the_same_pictures(clip: Path) -> None:
    whole, part = Footage.of_file(clip), part_of(clip, {0, 1, 2, 3})
    assert (whole.init, dict(whole.fragments), whole.count) == (part.init, dict(part.fragments), SECONDS)
    assert whole.times() == part.times() == {0: 0.0, 1: 1.0, 2: 2.0, 3: 3.0}
    assert whole.film() == part.film()


def test_only_what_is_here_is_shown_each_at_its_time(clip: Path) -> None:
    part = part_of(clip, {2, 3})
    assert (part.times(), part.middle, part.count) == ({2: 2.0, 3: 3.0}, 2, SECONDS)
    assert part_of(clip, set()).times() == Footage.of_part(clip, Seen()).times() == {}


def test_a_picture_is_a_jpeg_no_wider_than_asked(clip: Path) -> None:
    whole = Footage.of_file(clip)
    assert Image.open(io.BytesIO(whole.picture(1, 161))).size == (160, 96)
    assert Image.open(io.BytesIO(whole.picture(1, 9999))).size == (320, 192)
    assert hashlib.sha256(whole.picture(0, 64)).digest() != hashlib.sha256(whole.picture(3, 64)).digest()


def test_what_plays_of_a_beginning_ends_with_a_fragment(clip: Path) -> None:
    size = clip.stat().st_size
    (second, _moof, length) = fragments_of(clip, size)[1]
    assert playable_bytes(clip, second + length + 30) == playable_bytes(clip, second + length) == second + length
    assert playable_bytes(clip, size) == size
    assert playable_bytes(clip, 30) == 0
    with av.open(io.BytesIO(clip.read_bytes()[: second + length]), "r") as container:
        assert len(list(container.decode(video=0))) == 20


def test_what_is_gone_or_no_film_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        Footage.of_file(tmp_path / "gone.mp4")
    with pytest.raises(StoreError):
        playable_bytes(tmp_path / "gone.mp4", 9)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes((16).to_bytes(4, "big") + b"moof" + bytes(8) + (8).to_bytes(4, "big") + b"mdat")
    with pytest.raises(WireError):
        Footage.of_file(broken)
