"""The archive shows a clip under its digest or not at all."""

import errno
import hashlib
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from vigie_hub.archive import files
from vigie_hub.archive.files import Archive
from vigie_shared.errors import DigestError, StoreError

CLIP = b"the bytes of a clip" * 1_000
SHA256 = hashlib.sha256(CLIP).hexdigest()


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")


FILE_BYTES_MAX = 1 << 30
"""Far beyond what the suite itself writes: where its output goes to a file, the limit holds for that one too."""


@pytest.fixture
def small_disk() -> Iterator[None]:
    """The kernel refuses to write beyond `FILE_BYTES_MAX` of any file."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES_MAX, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_file())


def store(archive: Archive, clip: bytes = CLIP) -> Path:
    with archive.part(hashlib.sha256(clip).hexdigest(), len(clip)) as part:
        part.write(0, clip)
        return part.commit()


def test_a_committed_clip_lies_under_its_digest(archive: Archive) -> None:
    path = store(archive)
    assert path == archive.path(SHA256)
    assert path.read_bytes() == CLIP
    assert path.parts[-2:] == (SHA256[:2], f"{SHA256}.mp4")
    assert archive.intact(SHA256)
    assert archive.check() == []
    assert path.stat().st_mode & 0o077 == 0


def test_an_unfinished_clip_is_not_visible_and_goes_on_later(archive: Archive, tmp_path: Path) -> None:
    with archive.part(SHA256, len(CLIP)) as part:
        part.write(0, CLIP[:100])
    assert not archive.intact(SHA256)
    assert names(tmp_path) == [f"{SHA256}.part"]
    with archive.part(SHA256, len(CLIP)) as part:
        assert part.read(0, 1000) == CLIP[:100]
        assert not part.has_holes()
        part.write(100, CLIP[100:])
        part.commit()
    assert names(tmp_path) == [f"{SHA256}.mp4"]


def test_what_a_longer_attempt_left_is_cut_off(archive: Archive) -> None:
    with archive.part(SHA256, len(CLIP)) as part:
        part.write(0, CLIP + b"more")
        assert part.commit().read_bytes() == CLIP


@pytest.mark.parametrize("again", [b"", b"the"], ids=["settled", "and written again"])
def test_what_settled_counts_as_it_is_on_the_disk(archive: Archive, again: bytes) -> None:
    with archive.part(SHA256, len(CLIP)) as part:
        part.write(0, CLIP[:5_000])
        part.settle(0, 5_000)
        part.write(0, again)
        part.write(9_000, CLIP[9_000:])
        part.settle(9_000, len(CLIP) - 9_000)
        part.write(5_000, CLIP[5_000:9_000])
        part.settle(5_000, 4_000)
        assert part.commit().read_bytes() == CLIP


@pytest.mark.parametrize("at", [10, 6_000], ids=["where it settled", "behind"])
def test_a_byte_that_changed_on_the_disk_is_found(archive: Archive, tmp_path: Path, at: int) -> None:
    with archive.part(SHA256, len(CLIP)) as part:
        part.write(0, CLIP)
        with part._path.open("r+b") as file:
            file.seek(at)
            file.write(b"?")
        part.settle(0, 5_000)
        with pytest.raises(DigestError):
            part.commit()
    assert names(tmp_path) == []


def test_other_bytes_than_the_digest_are_refused_and_removed(archive: Archive, tmp_path: Path) -> None:
    with archive.part(SHA256, len(CLIP)) as part:
        part.write(0, CLIP[:-1] + b"?")
        with pytest.raises(DigestError):
            part.commit()
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", ["", "../../etc/passwd", SHA256.upper(), SHA256 + "\n", "a" * 63, "/" + "a" * 63])
def test_only_a_digest_names_a_file(archive: Archive, name: str) -> None:
    with pytest.raises(StoreError, match="no SHA-256"):
        archive.path(name)


def test_a_link_in_the_place_of_a_part_is_not_followed(archive: Archive, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"untouched")
    path = archive.path(SHA256).with_suffix(".part")
    path.parent.mkdir(parents=True)
    path.symlink_to(victim)
    with pytest.raises(StoreError), archive.part(SHA256, len(CLIP)) as part:
        part.write(0, CLIP)
    assert victim.read_bytes() == b"untouched"


def test_a_link_in_the_place_of_a_folder_is_not_followed(archive: Archive, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    archive.path(SHA256).parent.parent.mkdir()
    archive.path(SHA256).parent.symlink_to(elsewhere)
    with pytest.raises(StoreError, match="a link"), archive.part(SHA256, len(CLIP)):
        pass
    assert names(elsewhere) == []


def test_two_pulls_do_not_write_one_clip_together(archive: Archive) -> None:
    with archive.part(SHA256, len(CLIP)) as first:
        with pytest.raises(StoreError, match="another pull"), archive.part(SHA256, len(CLIP)):
            pass
        first.write(0, CLIP)
        first.commit()
    assert archive.intact(SHA256)


def test_a_closed_part_takes_no_more_bytes(archive: Archive) -> None:
    part = archive.part(SHA256, len(CLIP))
    part.open()
    part.close()
    part.close()
    with pytest.raises(StoreError, match="closed"):
        part.write(0, CLIP)
    with pytest.raises(StoreError, match="closed"):
        part.open()


def test_a_disk_that_refuses_is_one_line_and_leaves_nothing(archive: Archive, tmp_path: Path, small_disk: None) -> None:
    with archive.part(SHA256, len(CLIP)) as part, pytest.raises(StoreError) as caught:
        part.write(FILE_BYTES_MAX - len(CLIP) // 2, CLIP)
    assert os.strerror(errno.EFBIG) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == []


def test_a_full_disk_is_noticed_before_the_first_byte(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "FREE_BYTES_MIN", 2**62)
    with pytest.raises(StoreError, match="make room"), archive.part(SHA256, len(CLIP)):
        pass
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("a file, where the folder should be")
    with pytest.raises(StoreError, match="archive"), Archive(tmp_path / "archive").part(SHA256, len(CLIP)):
        pass


def test_check_finds_what_is_not_as_named(archive: Archive) -> None:
    whole, damaged = store(archive), store(archive, b"another clip")
    with damaged.open("r+b") as stream:
        stream.write(b"X")
    stranger = whole.with_name("holiday.mp4")
    stranger.write_bytes(b"")
    assert sorted(damage.path for damage in archive.check()) == sorted([damaged, stranger])
    assert not archive.intact(damaged.stem)
    assert archive.intact(whole.stem)


def test_a_part_of_keyframes_alone_has_holes(archive: Archive) -> None:
    with archive.part(SHA256, 1_000_000) as part:
        part.write(900_000, b"a keyframe")
        assert part.has_holes()
        assert part.read(900_000, 100) == b"a keyframe"


def test_strays_are_swept_unless_they_are_wanted_fresh_or_being_written(archive: Archive) -> None:
    names = ["0" * 64, "1" * 64, "2" * 64, "3" * 64]
    stray, wanted, fresh, busy = (archive.path(name).with_suffix(".part") for name in names)
    for name in names:
        with archive.part(name, 10) as part:
            part.write(0, b"unfinished")
    for path in (stray, wanted, busy):
        os.utime(path, (1000, 1000))
    os.utime(fresh, (5000, 5000))
    with archive.part(names[3], 10):
        os.utime(busy, (1000, 1000))
        assert archive.sweep({names[1]}, older_than_seconds=3600, now_seconds=5000) == 1
    assert [path.exists() for path in (stray, wanted, fresh, busy)] == [False, True, True, True]
