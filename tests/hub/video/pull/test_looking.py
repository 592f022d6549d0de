"""What an earlier hub left on disk counts as far as what the agent signed bears it out."""

from pathlib import Path

from tests.hub.video.pull.played import manifest_of
from vigie_hub.archive.files import Archive
from vigie_hub.video.pull.looking import is_left, looked_at, reading
from vigie_hub.video.pull.progress import Seen
from vigie_shared.transfer import Head, Index, head_digest

CLIP = bytes(range(100))
SMALL = bytes(range(100, 145))


def head(offset: int, length: int) -> Head:
    return Head(offset=offset, length=length, digest=head_digest(CLIP[offset : offset + length]))


INDEX = Index(init=head(0, 5), heads=(head(5, 10), head(40, 10), head(70, 10)))


def leave(archive: Archive, clip: bytes, *pieces: tuple[int, bytes]) -> None:
    manifest = manifest_of(clip)
    with archive.part(manifest.sha256, manifest.bytes) as part:
        for offset, data in pieces:
            part.write(offset, data)


def test_blocks_from_the_start_and_keyframes_count_where_they_are_right(archive: Archive) -> None:
    leave(archive, CLIP, (0, CLIP[:25]), (40, CLIP[40:50]), (70, b"other"))
    leave(archive, SMALL, (0, SMALL))
    seen = looked_at(archive, Seen(manifest_of(CLIP), INDEX, small=manifest_of(SMALL)))
    assert (seen.prefix_bytes, seen.heads, seen.small_bytes) == (20, frozenset({0, 1}), 45)
    assert seen.rungs() == ("thumbnail", "sub")
    assert is_left(archive, seen)


def test_keyframes_without_the_init_segment_show_nothing(archive: Archive) -> None:
    leave(archive, CLIP, (0, b"other"), (5, CLIP[5:80]))
    assert looked_at(archive, Seen(manifest_of(CLIP), INDEX)).heads == frozenset()


def test_where_no_file_is_nothing_is_left(archive: Archive) -> None:
    seen = looked_at(archive, Seen(manifest_of(CLIP), INDEX, small=manifest_of(SMALL)))
    assert (seen.prefix_bytes, seen.heads, seen.small_bytes, seen.rungs()) == (0, frozenset(), 0, ())
    assert not is_left(archive, seen)
    assert not is_left(archive, Seen())


def test_a_file_is_read_by_whichever_name_it_has(tmp_path: Path) -> None:
    read = reading(tmp_path / "first", tmp_path / "second")
    assert read(0, 3) == b""
    (tmp_path / "second").write_bytes(b"abc")
    assert read(1, 5) == b"bc"
    (tmp_path / "first").symlink_to(tmp_path / "second")
    assert read(0, 1) == b"a"
