"""The quantiser of an H.264 picture, read from its first slice's header without decoding (ITU-T H.264 §7.3)."""

from dataclasses import dataclass
from typing import Final

_HEADER_BYTES: Final = 40
_IDR, _SLICE, _SPS, _PPS = 5, 1, 7, 8
_HIGH_PROFILES: Final = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_FLAT_CHROMA: Final = 3
_B, _I, _SWITCHING_I = 1, 2, 4


class _Bits:
    """Reads a NAL unit's payload bit by bit."""

    def __init__(self, payload: bytes) -> None:
        plain = payload.replace(b"\x00\x00\x03", b"\x00\x00")
        self._left = len(plain) * 8
        self._value = int.from_bytes(plain, "big")

    def take(self, count: int) -> int:
        """The next `count` bits; raises ValueError where there are none."""
        self._left -= count
        if self._left < 0:
            raise ValueError("the header is cut short")
        return (self._value >> self._left) & ((1 << count) - 1)

    def exp_golomb(self) -> int:
        """ue(v), §9.1."""
        rest = self._value & ((1 << self._left) - 1)
        zeros = self._left - rest.bit_length()
        if zeros > 31:
            raise ValueError("not a number")
        return self.take(2 * zeros + 1) - 1

    def signed(self) -> int:
        """se(v), §9.1.1."""
        code = self.exp_golomb()
        return (code + 1) // 2 if code % 2 else -(code // 2)


@dataclass(frozen=True, slots=True)
class _Sequence:
    has_planes: bool
    frame_num_bits: int
    order_type: int
    order_bits: int
    is_order_zero: bool
    has_frames_only: bool
    has_chroma: bool


@dataclass(frozen=True, slots=True)
class _Picture:
    sps_id: int
    is_arithmetic: bool
    has_bottom_order: bool
    references: tuple[int, int]
    is_weighted: bool
    has_redundant: bool
    qp: int


class SliceQp:
    """Follows one stream's parameter sets, and reads from each picture the quantiser of its first slice."""

    def __init__(self) -> None:
        self._sequences: dict[int, _Sequence] = {}
        self._pictures: dict[int, _Picture] = {}
        self._sets: dict[int, bytes] = {}

    def read(self, access_unit: bytes) -> int | None:
        """The quantiser, 0 to 51, of a picture in Annex B form; None where it cannot be read."""
        start = 0
        while (start := access_unit.find(b"\x00\x00\x01", start)) >= 0:
            start += 3
            kind = access_unit[start] & 0x1F if start < len(access_unit) else 0
            if kind in (_SPS, _PPS):
                end = access_unit.find(b"\x00\x00\x01", start)
                self._take_set(kind, access_unit[start : end if end >= 0 else None])
            elif kind in (_SLICE, _IDR):
                try:
                    return self._slice_qp(access_unit[start : start + _HEADER_BYTES])
                except (ValueError, KeyError):
                    return None
        return None

    def _take_set(self, kind: int, unit: bytes) -> None:
        if self._sets.get(kind) == unit:
            return
        self._sets[kind] = unit
        try:
            if kind == _SPS:
                number, sequence = _sequence(unit)
                self._sequences[number] = sequence
            else:
                number, picture = _picture(_Bits(unit[1:]))
                self._pictures[number] = picture
        except ValueError:
            return

    def _slice_qp(self, unit: bytes) -> int | None:
        bits = _Bits(unit[1:])
        bits.exp_golomb()  # first_mb_in_slice
        kind = bits.exp_golomb() % 5
        picture = self._pictures[bits.exp_golomb()]
        sequence = self._sequences[picture.sps_id]
        is_idr, is_reference = unit[0] & 0x1F == _IDR, bool(unit[0] & 0x60)
        _skip_order(bits, sequence, picture, is_idr=is_idr)
        references = _skip_references(bits, picture, kind)
        if picture.is_weighted and references:
            _skip_weights(bits, references, sequence)
        if is_reference:
            _skip_marking(bits, is_idr=is_idr)
        if picture.is_arithmetic and kind not in (_I, _SWITCHING_I):
            bits.exp_golomb()  # cabac_init_idc
        qp = picture.qp + bits.signed()
        return qp if 0 <= qp <= 51 else None


def _sequence(unit: bytes) -> tuple[int, _Sequence]:
    """seq_parameter_set_data, §7.3.2.1.1, as far as frame_mbs_only_flag."""
    bits = _Bits(unit[4:])
    number = bits.exp_golomb()
    chroma, has_planes = 1, False
    if unit[1] in _HIGH_PROFILES:
        chroma = bits.exp_golomb()
        has_planes = chroma == _FLAT_CHROMA and bool(bits.take(1))
        bits.exp_golomb()
        bits.exp_golomb()
        bits.take(1)
        if bits.take(1):
            _skip_scaling(bits, 12 if chroma == _FLAT_CHROMA else 8)
    frame_num_bits = bits.exp_golomb() + 4
    order_type = bits.exp_golomb()
    order_bits, is_order_zero = 0, False
    if order_type == 0:
        order_bits = bits.exp_golomb() + 4
    elif order_type == 1:
        is_order_zero = bool(bits.take(1))
        bits.signed()
        bits.signed()
        for _cycle in range(min(255, bits.exp_golomb())):
            bits.signed()
    bits.exp_golomb()  # max_num_ref_frames
    bits.take(1)
    bits.exp_golomb()
    bits.exp_golomb()
    frames_only = bool(bits.take(1))
    return number, _Sequence(
        has_planes, frame_num_bits, order_type, order_bits, is_order_zero, frames_only, chroma > 0 and not has_planes
    )


def _picture(bits: _Bits) -> tuple[int, _Picture]:
    """pic_parameter_set_rbsp, §7.3.2.2, as far as pic_init_qp_minus26."""
    number, sps_id = bits.exp_golomb(), bits.exp_golomb()
    is_arithmetic, has_bottom_order = bool(bits.take(1)), bool(bits.take(1))
    if bits.exp_golomb():
        raise ValueError("slice groups")
    references = (bits.exp_golomb() + 1, bits.exp_golomb() + 1)
    is_weighted = bool(bits.take(1))
    bits.take(2)
    qp = 26 + bits.signed()
    bits.signed()
    bits.signed()
    bits.take(2)
    has_redundant = bool(bits.take(1))
    return number, _Picture(sps_id, is_arithmetic, has_bottom_order, references, is_weighted, has_redundant, qp)


def _skip_scaling(bits: _Bits, lists: int) -> None:
    """scaling_list, §7.3.2.1.1.1."""
    for index in range(lists):
        if not bits.take(1):
            continue
        last = following = 8
        for _entry in range(16 if index < 6 else 64):
            if following:
                following = (last + bits.signed()) % 256
            last = following or last


def _skip_order(bits: _Bits, sequence: _Sequence, picture: _Picture, *, is_idr: bool) -> None:
    """slice_header, §7.3.3, from colour_plane_id to redundant_pic_cnt."""
    if sequence.has_planes:
        bits.take(2)
    bits.take(sequence.frame_num_bits)
    is_field = not sequence.has_frames_only and bool(bits.take(1))
    if is_field:
        bits.take(1)
    if is_idr:
        bits.exp_golomb()
    if sequence.order_type == 0:
        bits.take(sequence.order_bits)
        if picture.has_bottom_order and not is_field:
            bits.signed()
    elif sequence.order_type == 1 and not sequence.is_order_zero:
        bits.signed()
        if picture.has_bottom_order and not is_field:
            bits.signed()
    if picture.has_redundant:
        bits.exp_golomb()


def _skip_references(bits: _Bits, picture: _Picture, kind: int) -> int:
    """The rest as far as ref_pic_list_modification, §7.3.3.1; the number of references of a P slice."""
    if kind in (_I, _SWITCHING_I):
        return 0
    if kind == _B:
        raise ValueError("a B slice says little of motion")
    references = picture.references[0]
    if bits.take(1):
        references = bits.exp_golomb() + 1
    if bits.take(1):
        while bits.exp_golomb() != 3:
            bits.exp_golomb()
    return references


def _skip_weights(bits: _Bits, references: int, sequence: _Sequence) -> None:
    """pred_weight_table, §7.3.3.2."""
    bits.exp_golomb()
    if sequence.has_chroma:
        bits.exp_golomb()
    for _reference in range(references):
        if bits.take(1):
            bits.signed()
            bits.signed()
        if sequence.has_chroma and bits.take(1):
            for _value in range(4):
                bits.signed()


def _skip_marking(bits: _Bits, *, is_idr: bool) -> None:
    """dec_ref_pic_marking, §7.3.3.3."""
    if is_idr:
        bits.take(2)
        return
    if not bits.take(1):
        return
    while operation := bits.exp_golomb():
        bits.exp_golomb()
        if operation == 3:
            bits.exp_golomb()
