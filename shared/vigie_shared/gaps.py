"""The words of a gap that its agent signs: who lost what, when and why."""

from typing import Protocol

from vigie_shared.events import GapRecorded

_TITLE = "vigie gap v1"


class SignatureCheck(Protocol):
    """Whoever can tell an agent's signature from another."""

    def verify(self, message: bytes, signature: str) -> bool:
        """Whether `signature` is the agent's over `message`."""
        ...


def statement(agent_id: str, gap: GapRecorded) -> bytes:
    """One line a field, the same on both sides; times in UTC with microseconds."""
    lines = (
        _TITLE,
        agent_id,
        gap.camera_id,
        gap.gap_id,
        gap.at.isoformat(timespec="microseconds"),
        gap.ended_at.isoformat(timespec="microseconds"),
        gap.reason,
        gap.clip_id or "-",
    )
    return "\n".join(lines).encode()


def is_signed(agent_id: str, gap: GapRecorded, key: SignatureCheck) -> bool:
    """Whether the agent stands by `gap`."""
    return gap.signature is not None and key.verify(statement(agent_id, gap), gap.signature)
