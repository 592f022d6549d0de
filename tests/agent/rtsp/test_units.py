import pytest

from vigie_agent.rtsp.units import H264, HEVC, UnitKinds


@pytest.mark.parametrize(
    ("kinds", "first", "kind"),
    [(H264, 0x67, 7), (H264, 0x7C, 28), (HEVC, 0x42, 33), (HEVC, 0x62, 49), (HEVC, 0x26, 19)],
)
def test_the_first_byte_tells_the_type(kinds: UnitKinds, first: int, kind: int) -> None:
    assert kinds.type_of(first) == kind


def test_the_header_of_a_fragmented_unit_is_put_together_again() -> None:
    assert H264.whole_header(0x7C, 0x85, 0x85) == b"\x65"
    assert HEVC.whole_header(0x62, 0x01, 0x93) == b"\x26\x01"


def test_only_the_first_slice_of_an_intra_picture_of_h264_is_taken_for_one() -> None:
    assert H264.is_intra_slice(1, 0x88)
    assert H264.is_intra_slice(1, 0xB4)
    assert not H264.is_intra_slice(1, 0x9A), "a P slice"
    assert not H264.is_intra_slice(1, 0x44), "not the first slice"
    assert not HEVC.is_intra_slice(1, 0x88)
