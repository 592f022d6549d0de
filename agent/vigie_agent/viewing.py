"""What lets people look through this agent's cameras, put together: sources, the light, connections, stills."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vigie_agent.settings import AgentSettings
from vigie_agent.store import Store
from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.video.ladder.transcoding import Transcoders
from vigie_agent.video.media.desk import MediaDesk
from vigie_agent.video.media.light import Light
from vigie_agent.video.media.live import LiveCamera
from vigie_agent.video.playback.footage import StoredFootage
from vigie_agent.video.sources import MediaSources
from vigie_agent.video.stills.desk import StillsDesk
from vigie_shared.clock import Clock
from vigie_shared.ice import IceServer


def light_of(settings: AgentSettings, clock: Clock) -> Light:
    """The light that shines while somebody watches; run it."""
    return Light(clock, settings.video.watching_webhook)


class Looking(NamedTuple):
    """Where the hub asks to see something."""

    media: MediaDesk
    """Live video and playback."""
    stills: StillsDesk
    """One picture after the other, where no media connection comes through."""


@contextlib.contextmanager
def looking(
    settings: AgentSettings, cameras: Sequence[LiveCamera], store: Store, budget: LinkBudget, light: Light
) -> Iterator[Looking]:
    """All that leaves asks `budget`."""
    video = settings.video
    with contextlib.closing(Transcoders(video.transcodes_max)) as transcoders:
        media = MediaDesk(
            MediaSources(cameras, lambda: StoredFootage(store), transcoders).open,
            budget,
            light,
            ice_servers=tuple(IceServer(url=url) for url in video.ice_servers),
            sessions_max=video.connections_max,
        )
        stills = StillsDesk(settings.agent_id, cameras, transcoders, budget, light, streams_max=video.connections_max)
        yield Looking(media, stills)
