"""Kinds of NAL units and of the RTP payloads that carry them."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class UnitKinds:
    """One codec's `nal_unit_type`s."""

    header_bytes: int
    type_shift: int
    type_mask: int
    single: frozenset[int]
    slices: frozenset[int]
    random_access: frozenset[int]
    sets: frozenset[int]
    openers: frozenset[int]
    """What stands at the beginning of a picture: delimiters and parameter sets."""
    aggregate: int
    fragment: int

    def type_of(self, first_byte: int) -> int:
        """The type that a unit's first byte says."""
        return (first_byte >> self.type_shift) & self.type_mask

    def is_intra_slice(self, kind: int, following: int) -> bool:
        """Whether an H.264 unit is the first slice of a picture that some cameras send where an IDR should be."""
        return self.header_bytes == 1 and kind == 1 and (following == 0x88 or following >> 4 == 0xB)

    def whole_header(self, first: int, second: int, fragment: int) -> bytes:
        """The header of a unit that comes in fragments (RFC 6184 §5.8, RFC 7798 §4.4.3)."""
        if self.header_bytes == 1:
            return bytes(((first & 0xE0) | (fragment & 0x1F),))
        return bytes(((first & 0x81) | (fragment & 0x3F) << 1, second))


H264: Final = UnitKinds(
    header_bytes=1,
    type_shift=0,
    type_mask=0x1F,
    single=frozenset(range(1, 24)),
    slices=frozenset(range(1, 6)),
    random_access=frozenset({5}),
    sets=frozenset({7, 8}),
    openers=frozenset({7, 8, 9}),
    aggregate=24,
    fragment=28,
)
HEVC: Final = UnitKinds(
    header_bytes=2,
    type_shift=1,
    type_mask=0x3F,
    single=frozenset(range(48)),
    slices=frozenset(range(32)),
    random_access=frozenset(range(16, 22)),
    sets=frozenset({32, 33, 34}),
    openers=frozenset({32, 33, 34, 35}),
    aggregate=48,
    fragment=49,
)
