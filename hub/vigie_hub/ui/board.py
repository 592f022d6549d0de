"""What the page's sections show, read from the read model."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from vigie_hub.api.models import Agent, Alert, Clip, Event, HotlistEntry
from vigie_hub.api.progress import alert_with_progress, with_progress
from vigie_hub.api.queries.agents import camera_names, list_agents
from vigie_hub.api.queries.alerts import list_alerts
from vigie_hub.api.queries.clips import list_clips
from vigie_hub.api.queries.completeness import completeness
from vigie_hub.api.queries.events import list_events
from vigie_hub.api.queries.hotlist import list_hotlist
from vigie_hub.api.queries.plates import plate_of
from vigie_hub.api.services import Services

ALERTS_SHOWN: Final = 24
EVENTS_SHOWN: Final = 60
CLIPS_SHOWN: Final = 24
ENTRIES_SHOWN: Final = 200


async def agents(services: Services) -> dict[str, Any]:
    """Agents, and what they add up to."""
    now = services.clock.now()
    found: list[Agent] = await services.reads.read(lambda connection: list_agents(connection, now))
    return {"agents": found}


async def summary(services: Services) -> dict[str, Any]:
    """The few numbers of the top line."""
    found: list[Agent] = (await agents(services))["agents"]
    enrolled = [agent for agent in found if agent.state not in ("discovered", "revoked")]
    cameras = [camera for agent in enrolled if agent.state == "online" for camera in agent.cameras]
    return {
        "agents_total": len(enrolled),
        "agents_online": sum(agent.state == "online" for agent in enrolled),
        "cameras_total": sum(len(agent.cameras) for agent in enrolled),
        "cameras_streaming": sum(camera.state == "streaming" for camera in cameras),
        "still_at_edge": sum(agent.still_at_edge for agent in enrolled),
        "missing": sum(agent.missing for agent in enrolled),
    }


async def whole(services: Services) -> dict[str, Any]:
    """How complete all of it is."""
    now = services.clock.now()
    return {"completeness": await services.reads.read(lambda connection: completeness(connection, now))}


async def alerts(services: Services) -> dict[str, Any]:
    """The newest alerts."""
    page = await services.reads.read(lambda connection: list_alerts(connection, limit=ALERTS_SHOWN))
    found: list[Alert] = [alert_with_progress(alert, services.pulls) for alert in page.items]
    return {"alerts": found, "more": page.next is not None}


async def events(services: Services) -> dict[str, Any]:
    """The newest events, with the names of their cameras and the fields of their plates."""
    page = await services.reads.read(lambda connection: list_events(connection, limit=EVENTS_SHOWN))
    found: list[Event] = page.items
    return {
        "events": found,
        "names": await services.reads.read(camera_names),
        "plate_of": plate_of,
        "newest_id": found[0].id if found else 0,
    }


async def clips(services: Services) -> dict[str, Any]:
    """The newest clips."""
    page = await services.reads.read(lambda connection: list_clips(connection, limit=CLIPS_SHOWN))
    found: list[Clip] = [with_progress(clip, services.pulls) for clip in page.items]
    return {"clips": found}


async def hotlist(services: Services) -> dict[str, Any]:
    """Plates that are looked for."""
    page = await services.reads.read(lambda connection: list_hotlist(connection, limit=ENTRIES_SHOWN))
    entries: list[HotlistEntry] = page.items
    return {"entries": entries}


SECTIONS: Final[dict[str, Callable[[Services], Awaitable[dict[str, Any]]]]] = {
    "summary": summary,
    "completeness": whole,
    "alerts": alerts,
    "events": events,
    "clips": clips,
    "agents": agents,
    "hotlist": hotlist,
}
"""Each is drawn by the template `sections/NAME.html`, and drawn again when the feed says so."""
