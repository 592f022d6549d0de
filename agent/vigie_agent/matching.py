"""Hotlists put together: lists, the desk where reads meet them, and what looks through older reads."""

from vigie_agent.hotlists.desk import HitDesk
from vigie_agent.hotlists.lists import Bounds, Hotlists
from vigie_agent.hotlists.look_back import LookBack
from vigie_agent.hotlists.non_hits import NonHits
from vigie_agent.settings import AgentSettings
from vigie_agent.store import Store
from vigie_shared.clock import Clock


def hotlists_of(
    settings: AgentSettings, store: Store, clock: Clock, non_hits: NonHits | None = None
) -> tuple[Hotlists, HitDesk, LookBack]:
    """The lists that are followed, the desk where reads are matched with them, and what looks through older reads."""
    asked = settings.hotlists
    bounds = Bounds(asked.lists_max, asked.plates_max, asked.bytes_max)
    lists = Hotlists(settings.data_dir, asked.lists, clock, asked.check_only_hours * 3600, bounds)
    desk = HitDesk(store, lists, clock, non_hits)
    looking_back = LookBack(
        settings.data_dir,
        lists,
        desk,
        store,
        clock,
        hours=asked.look_back_hours,
        reads_max=asked.look_back_reads_max,
        non_hits=non_hits,
    )
    return lists, desk, looking_back
