"""NAL units in Annex B form (ITU-T H.264 and H.265, annex B)."""

from collections.abc import Iterable
from typing import Final

from vigie_agent.capture.packets import Codec

START_CODE: Final = b"\x00\x00\x00\x01"
_H264_PARAMETER_SETS: Final = frozenset({7, 8})
_HEVC_PARAMETER_SETS: Final = frozenset({32, 33, 34})
SEQUENCE_SET: Final[dict[Codec, int]] = {"h264": 7, "hevc": 33}
"""The type of a sequence parameter set."""


def nal_units(annex_b: bytes) -> list[bytes]:
    """The units of an access unit, without start codes."""
    return [unit for part in annex_b.split(b"\x00\x00\x01") if (unit := part.rstrip(b"\x00"))]


def annex_b(units: Iterable[bytes]) -> bytes:
    """`units` behind a start code each."""
    return b"".join(START_CODE + unit for unit in units)


def without_repeats(access_unit: bytes) -> bytes:
    """The access unit with each of its units once."""
    units = nal_units(access_unit)
    return access_unit if len(set(units)) == len(units) else annex_b(dict.fromkeys(units))


def nal_type(codec: Codec, unit: bytes) -> int:
    """The unit's `nal_unit_type`."""
    return unit[0] & 0x1F if codec == "h264" else (unit[0] >> 1) & 0x3F


def parameter_sets(codec: Codec, access_unit: bytes) -> bytes:
    """Annex B of the VPS, SPS and PPS in `access_unit`; empty where it has none."""
    wanted = _H264_PARAMETER_SETS if codec == "h264" else _HEVC_PARAMETER_SETS
    return annex_b(unit for unit in nal_units(access_unit) if nal_type(codec, unit) in wanted)


def codec_string(codec: Codec, sets: bytes) -> str:
    """The codec as browsers name it (RFC 6381), from its parameter sets; the bare family where they are missing."""
    sps = next((unit for unit in nal_units(sets) if nal_type(codec, unit) == SEQUENCE_SET[codec]), b"")
    if codec == "h264":
        return f"avc1.{sps[1:4].hex()}" if len(sps) >= 4 else "avc1"
    plain = sps.replace(b"\x00\x00\x03", b"\x00\x00")
    return _hevc_string(plain[3:15]) if len(plain) >= 15 else "hev1"


def _hevc_string(profile_tier_level: bytes) -> str:
    """ISO/IEC 14496-15 annex E.3."""
    space = ("", "A", "B", "C")[profile_tier_level[0] >> 6]
    tier = "H" if profile_tier_level[0] & 0x20 else "L"
    compatibility = int(f"{int.from_bytes(profile_tier_level[1:5], 'big'):032b}"[::-1], 2)
    constraints = profile_tier_level[5:11].rstrip(b"\x00")
    parts = [
        f"hev1.{space}{profile_tier_level[0] & 0x1F}",
        f"{compatibility:X}",
        f"{tier}{profile_tier_level[11]}",
        *(f"{byte:X}" for byte in constraints),
    ]
    return ".".join(parts)
