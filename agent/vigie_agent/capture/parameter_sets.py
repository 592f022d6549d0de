"""What a sequence parameter set says of the pictures: size, rate, and how far their order may differ.

H.264 §7.3.2.1 and annex E, H.265 §7.3.2.2 and annex E; read as far as that needs.
"""

from dataclasses import dataclass
from typing import Final

from vigie_agent.capture.bits import BitReader, BitsError
from vigie_agent.capture.packets import Codec

SIZE_PX_MAX: Final = 16_384
_UNIT_BYTES_MAX: Final = 4096
_H264_WITH_CHROMA: Final = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_H264_BASELINE: Final = 66
_H264_REORDER_MAX: Final = 16
_EXTENDED_ASPECT: Final = 255


@dataclass(frozen=True, slots=True)
class Sequence:
    """One sequence parameter set."""

    width_px: int
    height_px: int
    frames_per_second: float
    """0 where it does not say."""
    reorder_frames_max: int | None
    """How many pictures may come before one that is shown earlier (B-frames); None where it does not say."""


def parse_sequence(codec: Codec, unit: bytes) -> Sequence | None:
    """Read an SPS, header included; None where it makes no sense."""
    try:
        found = _h264(unit[:_UNIT_BYTES_MAX]) if codec == "h264" else _hevc(unit[:_UNIT_BYTES_MAX])
    except BitsError:
        return None
    is_sane = 0 < found.width_px <= SIZE_PX_MAX and 0 < found.height_px <= SIZE_PX_MAX
    return found if is_sane else None


def _h264(unit: bytes) -> Sequence:
    bits = BitReader(unit[1:])
    profile = bits.bits(8)
    bits.skip(16)
    bits.unsigned()
    chroma = _h264_chroma(bits) if profile in _H264_WITH_CHROMA else 1
    bits.unsigned()  # log2_max_frame_num
    order = bits.unsigned()
    if order == 0:
        bits.unsigned()
    elif order == 1:
        bits.flag()
        bits.signed()
        bits.signed()
        for _frame in range(min(bits.unsigned(), 255)):
            bits.signed()
    bits.unsigned()  # max_num_ref_frames
    bits.flag()
    width = (bits.unsigned() + 1) * 16
    rows = bits.unsigned() + 1
    is_progressive = bits.flag()
    height = rows * 16 * (1 if is_progressive else 2)
    if not is_progressive:
        bits.flag()
    bits.flag()  # direct_8x8_inference
    if bits.flag():
        step_x = 1 if chroma in {0, 3} else 2
        step_y = (1 if chroma != 1 else 2) * (1 if is_progressive else 2)
        left, right, top, bottom = (bits.unsigned() for _side in range(4))
        width -= (left + right) * step_x
        height -= (top + bottom) * step_y
    rate, reorder = _h264_vui(bits) if bits.flag() else (0.0, None)
    if reorder is None and (profile == _H264_BASELINE or order == 2):
        reorder = 0  # Neither can reorder.
    return Sequence(width, height, rate, reorder)


def _h264_chroma(bits: BitReader) -> int:
    chroma = bits.unsigned()
    if chroma == 3:
        bits.flag()
    bits.unsigned()
    bits.unsigned()
    bits.flag()
    if bits.flag():
        for index in range(8 if chroma != 3 else 12):
            if bits.flag():
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return chroma


def _skip_scaling_list(bits: BitReader, size: int) -> None:
    last = following = 8
    for _entry in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _h264_vui(bits: BitReader) -> tuple[float, int | None]:
    _skip_picture_description(bits)
    rate = 0.0
    if bits.flag():
        ticks, scale = bits.bits(32), bits.bits(32)
        rate = scale / (2 * ticks) if ticks else 0.0
        bits.flag()
    has_nal, has_vcl = _h264_hrd(bits), False
    has_vcl = _h264_hrd(bits)
    if has_nal or has_vcl:
        bits.flag()
    bits.flag()
    if not bits.flag():
        return _sane(rate), None
    bits.flag()
    for _number in range(4):
        bits.unsigned()
    return _sane(rate), min(bits.unsigned(), _H264_REORDER_MAX)


def _skip_picture_description(bits: BitReader) -> None:
    """The beginning of the VUI, the same in both codecs."""
    if bits.flag() and bits.bits(8) == _EXTENDED_ASPECT:
        bits.skip(32)
    if bits.flag():
        bits.flag()
    if bits.flag():
        bits.skip(4)
        if bits.flag():
            bits.skip(24)
    if bits.flag():
        bits.unsigned()
        bits.unsigned()


def _h264_hrd(bits: BitReader) -> bool:
    if not bits.flag():
        return False
    count = min(bits.unsigned(), 31) + 1
    bits.skip(8)
    for _entry in range(count):
        bits.unsigned()
        bits.unsigned()
        bits.flag()
    bits.skip(20)
    return True


def _hevc(unit: bytes) -> Sequence:
    bits = BitReader(unit[2:])
    bits.skip(4)
    layers = bits.bits(3)
    bits.flag()
    _skip_profile(bits, layers)
    bits.unsigned()
    chroma = bits.unsigned()
    if chroma == 3:
        bits.flag()
    width, height = bits.unsigned(), bits.unsigned()
    if bits.flag():
        step_x, step_y = (1 if chroma in {0, 3} else 2), (2 if chroma == 1 else 1)
        left, right, top, bottom = (bits.unsigned() for _side in range(4))
        width -= (left + right) * step_x
        height -= (top + bottom) * step_y
    bits.unsigned()
    bits.unsigned()
    bits.unsigned()  # log2_max_pic_order_cnt_lsb
    reorder = 0
    for _layer in range(1 if not bits.flag() else layers + 1, 0, -1):
        bits.unsigned()
        reorder = bits.unsigned()
        bits.unsigned()
    return Sequence(width, height, 0.0, min(reorder, _H264_REORDER_MAX))


def _skip_profile(bits: BitReader, layers: int) -> None:
    bits.skip(88 + 8)
    present = [(bits.flag(), bits.flag()) for _layer in range(layers)]
    if layers:
        bits.skip(2 * (8 - layers))
    for has_profile, has_level in present:
        bits.skip((88 if has_profile else 0) + (8 if has_level else 0))


def _sane(rate: float) -> float:
    return rate if 0.0 < rate <= 1000.0 else 0.0
