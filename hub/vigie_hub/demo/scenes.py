"""What the demo's cameras see: three drawn films, and real footage where it is given."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True)
class Scene:
    """One agent of the demo and the scene that its camera films."""

    agent_id: str
    camera_name: str
    film: str
    seed: int


SCENES: Final = (
    Scene(agent_id="crossing", camera_name="Carrefour Hassan II", film="crossing", seed=11),
    Scene(agent_id="gate", camera_name="Portail est", film="gate", seed=12),
    Scene(agent_id="patrol", camera_name="Véhicule 07, avant", film="patrol", seed=13),
)
FOOTAGE_AGENT: Final = "gate"
"""The agent that gets the cameras of `--video`: the quiet one."""


@dataclass(frozen=True)
class Camera:
    """One camera of one agent, and what its film is known to show."""

    agent_id: str
    camera_id: str
    name: str
    source: Path
    seconds: float
    plates: tuple[str, ...] = ()
