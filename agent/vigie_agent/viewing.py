"""What lets people look through this agent's cameras, put together: sources, the light, connections."""

import contextlib
from collections.abc import Iterator, Sequence

from vigie_agent.settings import AgentSettings
from vigie_agent.store import Store
from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.video.ladder.transcoding import Transcoders
from vigie_agent.video.media.desk import MediaDesk
from vigie_agent.video.media.light import Light
from vigie_agent.video.media.live import LiveCamera
from vigie_agent.video.playback.footage import StoredFootage
from vigie_agent.video.sources import MediaSources
from vigie_shared.clock import Clock
from vigie_shared.ice import IceServer


def light_of(settings: AgentSettings, clock: Clock) -> Light:
    """The light that shines while somebody watches; run it."""
    return Light(clock, settings.video.watching_webhook)


@contextlib.contextmanager
def media_desk(
    settings: AgentSettings, cameras: Sequence[LiveCamera], store: Store, budget: LinkBudget, light: Light
) -> Iterator[MediaDesk]:
    """Where the hub asks for live video and playback; all that leaves asks `budget`."""
    with contextlib.closing(Transcoders(settings.video.transcodes_max)) as transcoders:
        yield MediaDesk(
            MediaSources(cameras, lambda: StoredFootage(store), transcoders).open,
            budget,
            light,
            ice_servers=tuple(IceServer(url=url) for url in settings.video.ice_servers),
            sessions_max=settings.video.connections_max,
        )
