"""H.265 gets the name that Apple's players want, and nothing else changes."""

import io
from pathlib import Path

import av
import pytest

from tests.agent.capture.films import packets_of
from tests.media.films import make_film, walk
from vigie_agent.clips.remux import remux
from vigie_hub.video.pull.labels import relabelled
from vigie_shared.errors import StoreError


def kept(folder: Path, codec: str) -> bytes:
    return b"".join(remux(*packets_of(make_film(folder / "film.mp4", walk(1, 3), seconds=2, codec=codec))).segments)


def pictures(mp4: bytes) -> tuple[str, list[bytes], int]:
    with av.open(io.BytesIO(mp4), "r") as container:
        name = container.streams.video[0].codec_context.codec_tag
        packets = [bytes(packet) for packet in container.demux(video=0)]
    with av.open(io.BytesIO(mp4), "r") as container:
        return name, packets, len(list(container.decode(video=0)))


def test_four_bytes_change_and_every_picture_stays(tmp_path: Path) -> None:
    clip, path = kept(tmp_path, "libx265"), tmp_path / "clip.mp4"
    path.write_bytes(clip)
    assert relabelled(path)
    copy = path.read_bytes()
    assert sum(one != other for one, other in zip(clip, copy, strict=True)) <= 4
    assert pictures(clip) == ("hev1", *pictures(copy)[1:])
    assert pictures(copy)[0] == "hvc1"
    assert not relabelled(path), "it is done"


def test_other_files_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    for content in (kept(tmp_path, "libx264"), b"", b"stsd" + b"hev1" * 9):
        path.write_bytes(content)
        assert not relabelled(path)
        assert path.read_bytes() == content
    with pytest.raises(StoreError):
        relabelled(tmp_path / "nowhere.mp4")
