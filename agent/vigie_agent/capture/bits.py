"""Reading bit by bit, as parameter sets and slice headers are written (H.264 §7.2 and §9.1)."""

from typing import Final

_ZEROES_MAX: Final = 32


class BitsError(ValueError):
    """The bits end too early, or say what cannot be."""


class BitReader:
    """Reads the payload of one NAL unit; emulation prevention is taken out first."""

    def __init__(self, unit: bytes) -> None:
        """`unit` as it stands between start codes, without the bytes that were read otherwise."""
        plain = unit.replace(b"\x00\x00\x03", b"\x00\x00")
        self._value = int.from_bytes(plain, "big")
        self._left = len(plain) * 8

    @property
    def bits_left(self) -> int:
        """How many bits have not been read."""
        return self._left

    def bits(self, count: int) -> int:
        """The next `count` bits; raises BitsError at the end."""
        if count > self._left:
            raise BitsError("the unit ends too early")
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1)

    def flag(self) -> bool:
        """The next bit."""
        return self.bits(1) == 1

    def skip(self, count: int) -> None:
        """Pass over `count` bits."""
        self.bits(count)

    def unsigned(self) -> int:
        """Exp-Golomb, `ue(v)`."""
        zeroes = 0
        while not self.flag():
            zeroes += 1
            if zeroes > _ZEROES_MAX:
                raise BitsError("a number too large to be meant")
        return (1 << zeroes) - 1 + self.bits(zeroes)

    def signed(self) -> int:
        """Exp-Golomb, `se(v)`."""
        code = self.unsigned()
        return (code + 1) // 2 if code % 2 else -(code // 2)
