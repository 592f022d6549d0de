"""Fragments of session descriptions that carry late candidates (RFC 8840, `application/trickle-ice-sdpfrag`)."""

from dataclasses import dataclass
from typing import Final, Self

MEDIA_TYPE: Final = "application/trickle-ice-sdpfrag"
CANDIDATES_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class SdpFragment:
    """What a viewer sends when it finds more candidates, or has found all."""

    ice_ufrag: str
    candidates: tuple[tuple[str, str], ...]
    """`candidate:…` without `a=`, and the `mid` of its section."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError where it names no ICE session, or is full of candidates."""
        ufrag, mid, candidates = "", "0", list[tuple[str, str]]()
        for line in text.splitlines():
            name, _colon, value = line.strip().partition(":")
            if name == "a=ice-ufrag":
                ufrag = value
            elif name == "a=mid":
                mid = value
            elif name == "a=candidate":
                candidates.append((value, mid))
        if not ufrag or len(candidates) > CANDIDATES_MAX:
            raise ValueError("no trickle-ice-sdpfrag")
        return cls(ufrag, tuple(candidates))
