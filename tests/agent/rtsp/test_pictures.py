import struct

import pytest

from tests.agent.rtsp.conversations import SETS, rtp
from vigie_agent.capture import nal
from vigie_agent.rtsp import pictures as module
from vigie_agent.rtsp.pictures import Depacketiser, Picture

SPS, PPS = SETS
IDR, P = b"\x65\x88\x80\x10", b"\x41\x9a\x10\x22"
FRAME = 3600


def fed(depacketiser: Depacketiser, *packets: bytes) -> list[Picture]:
    for packet in packets:
        depacketiser.feed(memoryview(packet), 0, len(packet))
    return depacketiser.take()


def units(pictures: list[Picture]) -> list[list[bytes]]:
    return [nal.nal_units(picture.data) for picture in pictures]


def h264() -> Depacketiser:
    return Depacketiser("h264", 96, SETS)


def test_a_keyframe_without_its_parameter_sets_gets_those_of_the_description() -> None:
    (keyframe,) = fed(h264(), rtp(IDR, 0, 0))
    assert nal.nal_units(keyframe.data) == [SPS, PPS, IDR]
    assert keyframe.is_keyframe


def test_parameter_sets_that_came_later_replace_those_of_the_description() -> None:
    depacketiser, other = h264(), b"\x67\x64\x00\x1f\x09"
    fed(depacketiser, rtp(other, 0, 0, marker=False), rtp(PPS, 1, 0, marker=False), rtp(IDR, 2, 0))
    assert units(fed(depacketiser, rtp(IDR, 3, FRAME))) == [[other, PPS, IDR]]


def test_units_that_came_together_are_taken_apart() -> None:
    together = b"\x78" + b"".join(struct.pack(">H", len(unit)) + unit for unit in (SPS, PPS, IDR))
    assert units(fed(h264(), rtp(together, 0, 0))) == [[SPS, PPS, IDR]]


def test_nothing_begins_before_a_keyframe_and_that_is_no_loss() -> None:
    depacketiser = h264()
    assert fed(depacketiser, rtp(P, 0, 0), rtp(P, 1, FRAME)) == []
    assert depacketiser.losses.pictures == 0
    assert len(fed(depacketiser, rtp(IDR, 2, 2 * FRAME))) == 1


def test_a_lost_packet_costs_all_up_to_the_next_keyframe_and_is_counted() -> None:
    depacketiser = h264()
    got = fed(depacketiser, rtp(IDR, 0, 0), rtp(P, 1, FRAME), rtp(P, 3, 3 * FRAME), rtp(P, 4, 4 * FRAME))
    assert len(got) == 2
    assert (depacketiser.losses.packets, depacketiser.losses.pictures) == (1, 2)
    assert [
        one.is_keyframe for one in fed(depacketiser, rtp(SPS, 5, 9 * FRAME, marker=False), rtp(IDR, 6, 9 * FRAME))
    ] == [True]


def test_a_keyframe_whose_first_packets_are_lost_is_none() -> None:
    depacketiser = h264()
    fragments = [b"\x7c\x85" + b"a" * 50, b"\x7c\x05" + b"b" * 50, b"\x7c\x45" + b"c" * 50]
    fed(depacketiser, rtp(IDR, 0, 0))
    lost_begin = [rtp(part, 10 + index, FRAME, marker=index == 2) for index, part in enumerate(fragments)][1:]
    assert fed(depacketiser, *lost_begin, rtp(P, 13, 2 * FRAME)) == []
    whole = [rtp(part, 14 + index, 3 * FRAME, marker=index == 2) for index, part in enumerate(fragments)]
    assert units(fed(depacketiser, *whole))[0][-1] == b"\x65" + b"a" * 50 + b"b" * 50 + b"c" * 50


def test_a_keyframe_right_behind_a_loss_is_taken_where_its_beginning_is_seen() -> None:
    depacketiser = h264()
    fed(depacketiser, rtp(IDR, 0, 0))
    got = fed(depacketiser, rtp(SPS, 7, FRAME, marker=False), rtp(PPS, 8, FRAME, marker=False), rtp(IDR, 9, FRAME))
    assert [one.is_keyframe for one in got] == [True]


def test_timestamps_are_counted_on_beyond_32_bits_and_back() -> None:
    depacketiser, last = h264(), 2**32 - FRAME
    got = fed(depacketiser, rtp(IDR, 0, last), rtp(P, 1, last + FRAME), rtp(P, 2, last + 2 * FRAME), rtp(P, 3, last))
    assert [picture.ticks - last for picture in got] == [0, FRAME, 2 * FRAME, 0]


def test_sequence_numbers_wrap_without_loss() -> None:
    depacketiser = h264()
    assert len(fed(depacketiser, *(rtp(IDR, 65_530 + index, index * FRAME) for index in range(12)))) == 12
    assert depacketiser.losses.packets == 0


def test_a_camera_that_marks_no_picture_is_understood_by_its_timestamps() -> None:
    got = fed(h264(), *(rtp(IDR if index == 0 else P, index, index * FRAME, marker=False) for index in range(4)))
    assert [picture.ticks for picture in got] == [0, FRAME, 2 * FRAME]


def test_a_camera_that_marks_each_slice_is_noticed() -> None:
    depacketiser = h264()
    packets = [rtp(unit, 2 * index + part, index * FRAME) for index in range(4) for part, unit in enumerate((IDR, IDR))]
    got = units(fed(depacketiser, *packets))
    assert got[-1] == [SPS, PPS, IDR, IDR]


def test_parameter_sets_with_a_timestamp_of_their_own_belong_to_what_follows() -> None:
    got = fed(h264(), rtp(SPS, 0, 0), rtp(PPS, 1, 0), rtp(IDR, 2, FRAME))
    assert units(got) == [[SPS, PPS, IDR]]


def test_an_intra_picture_behind_parameter_sets_is_a_keyframe_where_a_camera_sends_no_idr() -> None:
    intra = b"\x41\x88\x80\x10"
    got = fed(h264(), rtp(SPS, 0, 0, marker=False), rtp(intra, 1, 0), rtp(P, 2, FRAME))
    assert [picture.is_keyframe for picture in got] == [True, False]


def test_extensions_contributors_and_padding_are_passed_over() -> None:
    extension = b"\xab\xac\x00\x01" + b"\x11" * 4
    got = fed(
        h264(),
        rtp(extension + IDR, 0, 0, first=0x90),
        rtp(b"\x22" * 8 + P, 1, FRAME, first=0x82),
        rtp(P + b"\x00\x00\x03", 2, 2 * FRAME, first=0xA0),
    )
    assert units(got) == [[SPS, PPS, IDR], [P], [P]]


def test_units_of_one_or_two_bytes_stay_whole() -> None:
    (keyframe,) = fed(h264(), rtp(b"\x09\xf0", 0, 0, marker=False), rtp(IDR, 1, 0))
    assert nal.nal_units(keyframe.data) == [SPS, PPS, b"\x09\xf0", IDR]


def test_a_new_source_is_a_break() -> None:
    depacketiser = h264()
    assert len(fed(depacketiser, rtp(IDR, 0, 0), rtp(P, 1, FRAME, source=2))) == 1
    got = fed(depacketiser, rtp(SPS, 2, 99, marker=False, source=2), rtp(IDR, 3, 99, source=2))
    assert [picture.is_keyframe for picture in got] == [True]


def test_a_picture_without_end_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PICTURE_BYTES_MAX", 1_000_000)
    depacketiser = h264()
    fed(depacketiser, rtp(IDR, 0, 0), rtp(b"\x7c\x85" + b"a" * 1000, 1, FRAME, marker=False))
    for number in range(2, 5000):
        assert fed(depacketiser, rtp(b"\x7c\x05" + b"a" * 1000, number & 0xFFFF, FRAME, marker=False)) == []
    assert depacketiser._picture.size_bytes <= 1_002_000 or not depacketiser._picture.parts
    assert depacketiser.losses.malformed > 0
    assert len(fed(depacketiser, rtp(SPS, 5000, 9 * FRAME, marker=False), rtp(IDR, 5001, 9 * FRAME))) == 1


def test_hevc_units_come_whole_together_and_in_fragments() -> None:
    vps, sps, pps, idr = b"\x40\x01\x0c\x01", b"\x42\x01\x01\x01", b"\x44\x01\xc0\xf1", b"\x26\x01" + b"z" * 90
    together = b"\x60\x01" + b"".join(struct.pack(">H", len(unit)) + unit for unit in (vps, sps, pps))
    fragments = [b"\x62\x01\x93" + idr[2:40], b"\x62\x01\x13" + idr[40:70], b"\x62\x01\x53" + idr[70:]]
    packets = [rtp(part, 1 + index, 0, marker=index == 2) for index, part in enumerate(fragments)]
    got = fed(Depacketiser("hevc", 96), rtp(together, 0, 0, marker=False), *packets)
    assert units(got) == [[vps, sps, pps, idr]]
    assert got[0].is_keyframe


def test_other_payload_types_are_ignored() -> None:
    depacketiser = h264()
    other = bytearray(rtp(IDR, 0, 0))
    other[1] = 0x80 | 97
    assert fed(depacketiser, bytes(other)) == []
    assert depacketiser.packets == 0
