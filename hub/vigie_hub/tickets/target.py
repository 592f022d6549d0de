"""What a ticket is for: one camera, or one clip."""

from dataclasses import dataclass
from typing import Literal, Self


@dataclass(frozen=True, slots=True)
class Target:
    """`name` is AGENT/CAMERA, or the clip's id."""

    kind: Literal["camera", "clip"]
    name: str

    @classmethod
    def camera(cls, agent_id: str, camera_id: str) -> Self:
        """A camera of an agent."""
        return cls("camera", f"{agent_id}/{camera_id}")

    @classmethod
    def clip(cls, clip_id: str) -> Self:
        """A clip, wherever its bytes are."""
        return cls("clip", clip_id)

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"
