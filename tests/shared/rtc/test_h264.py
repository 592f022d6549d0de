"""H.264 goes into RTP payloads and comes out the same; aiortc's own depacketiser agrees."""

import pytest
from aiortc.codecs.h264 import h264_depayload
from hypothesis import given
from hypothesis import strategies as st

from tests.shared.rtc.pairs import PPS, SPS, START, keyframe
from vigie_shared.rtc.h264 import annex_b, nal_units, opens_keyframe, opens_sequence, packetize

UNITS = st.lists(
    st.builds(
        lambda header, size: bytes((header,)) + bytes(1 + n % 250 for n in range(size)),
        st.sampled_from((0x41, 0x65, 0x67, 0x68, 0x06)),
        st.integers(1, 5000),
    ),
    min_size=1,
    max_size=12,
)


@given(UNITS, st.integers(200, 1400))
def test_payloads_carry_every_unit_and_none_is_too_long(units: list[bytes], payload_bytes_max: int) -> None:
    payloads = packetize(b"".join(START + unit for unit in units), payload_bytes_max)
    assert max(map(len, payloads)) <= payload_bytes_max
    assert list(nal_units(annex_b(payloads))) == units


@given(UNITS)
def test_aiortc_reads_the_payloads_in_the_same_way(units: list[bytes]) -> None:
    payloads = packetize(b"".join(START + unit for unit in units))
    assert b"".join(map(h264_depayload, payloads)) == annex_b(payloads)


def test_fragments_are_of_one_size_so_that_the_kernel_can_cut_them() -> None:
    payloads = packetize(START + b"\x65" + b"\x55" * 20_000)
    assert len({len(payload) for payload in payloads[:-1]}) == 1
    assert len(payloads[-1]) <= len(payloads[0])


def test_parameter_sets_travel_together_before_the_picture() -> None:
    first, second, *_ = packetize(keyframe(0).data)
    assert SPS in first
    assert PPS in first
    assert opens_sequence(first)
    assert opens_keyframe(second)
    assert not opens_sequence(second)


@pytest.mark.parametrize("start", [b"\0\0\1", b"\0\0\0\1", b"\0\0\0\0\0\1"])
def test_start_codes_of_any_length_are_no_part_of_a_unit(start: bytes) -> None:
    assert list(nal_units(start + SPS + start + PPS)) == [SPS, PPS]


def test_delimiters_and_filler_stay_behind() -> None:
    assert packetize(START + b"\x09\xf0" + START + b"\x41\x9a" + START + b"\x0c\xff\xff") == [b"\x41\x9a"]


def test_what_is_no_h264_is_refused() -> None:
    with pytest.raises(ValueError, match="type 31"):
        annex_b([b"\x1f\x00\x00"])


@pytest.mark.parametrize("payload", [b"", b"\x7c", b"\x78\x00", b"\x78\x00\x09\x67"])
def test_a_payload_cut_short_opens_no_sequence_and_breaks_nothing(payload: bytes) -> None:
    assert opens_sequence(payload) is (payload == b"\x78\x00\x09\x67")
