"""What lets people look through this agent's cameras, put together: sources, the light, connections."""

from collections.abc import Sequence

from vigie_agent.settings import AgentSettings
from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.video.light import Light
from vigie_agent.video.live import LiveCamera
from vigie_agent.video.media_desk import MediaDesk
from vigie_agent.video.sources import MediaSources
from vigie_shared.clock import Clock
from vigie_shared.ice import IceServer


def light_of(settings: AgentSettings, clock: Clock) -> Light:
    """The light that shines while somebody watches; run it."""
    return Light(clock, settings.video.watching_webhook)


def media_desk(settings: AgentSettings, cameras: Sequence[LiveCamera], budget: LinkBudget, light: Light) -> MediaDesk:
    """Where the hub asks for live video and playback; all that leaves asks `budget`."""
    return MediaDesk(
        MediaSources(cameras).open,
        budget,
        light,
        ice_servers=tuple(IceServer(url=url) for url in settings.video.ice_servers),
        sessions_max=settings.video.connections_max,
    )
