"""H.264 as RTP payloads (RFC 6184: single NAL units, STAP-A, FU-A), and back.

The fragments of a NAL unit are all of one size but the last, which is smaller: the kernel can then cut them out of one
buffer (`datagrams`). aiortc's own packetiser fills 1,300 bytes, too much for some tunnels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

PAYLOAD_BYTES_MAX: Final = 1098
"""1,100 with the two bytes of a retransmission (RTX)."""

_START: Final = b"\x00\x00\x01"
_LONG_START: Final = b"\x00\x00\x00\x01"
_IDR, _PARAMETER_SET = 5, 7
_LEFT_OUT: Final = frozenset((9, 12))
"""Access unit delimiters and filler."""
_STAP_A, _FU_A = 24, 28
_FRAGMENT_HEADS: Final = [
    tuple(bytes((head & 0xE0 | _FU_A, head & 0x1F | flag)) for flag in (0x80, 0, 0x40)) for head in range(256)
]
"""Of the first, the middle and the last fragments of a unit, by the unit's first byte."""
_SEQUENCE: Final = frozenset((_PARAMETER_SET,))
_KEYFRAME: Final = frozenset((_PARAMETER_SET, _IDR))


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """One access unit in Annex B, with SPS and PPS before each keyframe; `timestamp` counts 90,000 a second."""

    data: bytes
    timestamp: int
    is_keyframe: bool


def packetize(data: bytes, payload_bytes_max: int = PAYLOAD_BYTES_MAX) -> list[bytes]:
    """The RTP payloads of an access unit, in order."""
    payloads: list[bytes] = []
    small: list[bytes] = []
    small_bytes = 1
    for begin, end in _units(data):
        if data[begin] & 0x1F in _LEFT_OUT:
            continue
        unit_bytes = end - begin
        if small and small_bytes + 2 + unit_bytes > payload_bytes_max:
            payloads.append(_aggregate(small))
            small, small_bytes = [], 1
        if unit_bytes > payload_bytes_max:
            payloads += _fragments(data, begin, end, payload_bytes_max - 2)
        else:
            small.append(data[begin:end])
            small_bytes += 2 + unit_bytes
    if small:
        payloads.append(_aggregate(small))
    return payloads


def nal_units(data: bytes) -> Iterator[bytes]:
    """The NAL units of an Annex B byte stream, without start codes and the zeros before them."""
    return (data[begin:end] for begin, end in _units(data))


def annex_b(payloads: Sequence[bytes]) -> bytes:
    """The access unit that these payloads carry, in Annex B; raises ValueError where they carry none."""
    pieces: list[bytes] = []
    for payload in payloads:
        kind = payload[0] & 0x1F if len(payload) > 1 else 0
        if 1 <= kind < _STAP_A:
            pieces += (_LONG_START, payload)
        elif kind == _STAP_A:
            for unit in _aggregated(payload):
                pieces += (_LONG_START, unit)
        elif kind == _FU_A and len(payload) > 2:
            if payload[1] & 0x80:
                pieces += (_LONG_START, bytes((payload[0] & 0xE0 | payload[1] & 0x1F,)))
            pieces.append(payload[2:])
        else:
            raise ValueError(f"an RTP payload of type {kind} is no H.264")
    return b"".join(pieces)


def opens_keyframe(payload: bytes) -> bool:
    """Whether an IDR picture or its SPS begins in this payload."""
    return _begins(payload, _KEYFRAME)


def opens_sequence(payload: bytes) -> bool:
    """Whether a decoder that knows nothing can begin with this very payload: there is an SPS in it."""
    return _begins(payload, _SEQUENCE)


def _begins(payload: bytes, kinds: frozenset[int]) -> bool:
    if len(payload) < 2:
        return False
    kind = payload[0] & 0x1F
    if kind == _FU_A:
        return payload[1] & 0x80 != 0 and payload[1] & 0x1F in kinds
    if kind == _STAP_A:
        return any(unit and unit[0] & 0x1F in kinds for unit in _aggregated(payload))
    return kind in kinds


def _aggregate(units: list[bytes]) -> bytes:
    if len(units) == 1:
        return units[0]
    importance = max(unit[0] & 0x60 for unit in units)
    return bytes((_STAP_A | importance,)) + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)


def _aggregated(payload: bytes) -> Iterator[bytes]:
    at = 1
    while at + 2 <= len(payload):
        end = at + 2 + int.from_bytes(payload[at : at + 2], "big")
        yield payload[at + 2 : end]
        at = end


def _units(data: bytes) -> list[tuple[int, int]]:
    """Where NAL units begin and end."""
    units = []
    start = data.find(_START)
    while start >= 0:
        begin = start + 3
        start = data.find(_START, begin)
        end = start if start >= 0 else len(data)
        while end > begin and not data[end - 1]:
            end -= 1
        if end > begin:
            units.append((begin, end))
    return units


def _fragments(data: bytes, begin: int, end: int, size: int) -> list[bytes]:
    first, middle, last = _FRAGMENT_HEADS[data[begin]]
    begin += 1
    last_at = begin + (end - begin - 1) // size * size
    payloads = [middle + data[at : at + size] for at in range(begin, last_at, size)]
    payloads[0] = first + data[begin : begin + size]
    payloads.append(last + data[last_at:end])
    return payloads
