from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.media.films import make_film, noisy, street
from vigie_agent.capture import nal
from vigie_agent.capture.address import Address
from vigie_agent.capture.bits import BitReader, BitsError
from vigie_agent.capture.packets import Codec
from vigie_agent.capture.parameter_sets import Sequence, parse_sequence
from vigie_agent.capture.session import Session


def sequence_of(film: Path) -> tuple[Sequence | None, Session]:
    with Session(Address("file", str(film)), 5) as session:
        next(session.packets())
        assert session.info is not None
        codec = session.info.codec
        units = nal.nal_units(session.info.extradata)
        (sps,) = [unit for unit in units if nal.nal_type(codec, unit) == nal.SEQUENCE_SET[codec]]
        return parse_sequence(codec, sps), session


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("size", [(320, 192), (328, 182), (1920, 1080)])
def test_sizes_are_those_that_ffmpeg_finds_crops_included(codec: str, size: tuple[int, int], tmp_path: Path) -> None:
    width_px, height_px = size
    picture = noisy(street(width_px=1920, height_px=1088)[:height_px, :width_px], 1, 1)
    film = make_film(tmp_path / "film.mp4", lambda _seconds: picture, seconds=0.3, codec=codec, frames_per_second=25)
    found, session = sequence_of(film)
    assert found is not None
    assert session.info is not None
    assert (found.width_px, found.height_px) == (session.info.width_px, session.info.height_px) == size
    assert found.frames_per_second in {0, 25}


@pytest.mark.parametrize(("b_frames", "reordered"), [(0, False), (2, True)])
def test_b_frames_are_announced(b_frames: int, reordered: bool, tmp_path: Path) -> None:
    picture = noisy(street(), 1, 1)
    film = make_film(tmp_path / "film.mp4", lambda _seconds: picture, seconds=1, b_frames=b_frames)
    found, _session = sequence_of(film)
    assert found is not None
    assert bool(found.reorder_frames_max) is reordered


@given(st.binary(max_size=300), st.sampled_from(["h264", "hevc"]))
def test_nonsense_is_none_or_within_bounds(noise: bytes, codec: Codec) -> None:
    header = b"\x67" if codec == "h264" else b"\x42\x01"
    for unit in (noise, header + noise):
        found = parse_sequence(codec, unit)
        assert found is None or (0 < found.width_px <= 16_384 and 0 < found.height_px <= 16_384)


def test_numbers_are_read_as_the_standard_writes_them() -> None:
    bits = BitReader(bytes([0b1_010_011_0, 0b0100_0010, 0b1_1000000]))
    assert [bits.unsigned() for _number in range(4)] == [0, 1, 2, 3]
    assert bits.signed() == -2
    assert bits.bits_left == 7
    with pytest.raises(BitsError):
        bits.bits(8)
    assert BitReader(b"\x00\x00\x03\x01").bits(24) == 1, "emulation prevention is taken out"
