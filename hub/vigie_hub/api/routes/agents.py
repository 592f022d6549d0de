"""Agents and their cameras."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from vigie_hub.api.context import ServicesOf
from vigie_hub.api.models import Agent, Page, Timeline
from vigie_hub.api.problems import ProblemError
from vigie_hub.api.queries.agents import list_agents
from vigie_hub.api.queries.timeline import timeline
from vigie_hub.api.services import Pulls
from vigie_hub.fleet.enrolment import public_key_of

router = APIRouter(tags=["agents"])


@router.get("/agents")
async def get_agents(services: ServicesOf) -> Page[Agent]:
    """All agents: how they are, and how much they have that is not here yet."""
    now = services.clock.now()
    return Page(items=await services.reads.read(lambda connection: list_agents(connection, now)))


@router.get("/agents/{agent_id}/cameras/{camera_id}/timeline")
async def get_timeline(
    services: ServicesOf,
    agent_id: str,
    camera_id: str,
    since: Annotated[AwareDatetime | None, Query(description="A day before `until` where absent")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Now where absent")] = None,
) -> Timeline:
    """Where a camera's footage is: at the edge, on its way, here, or missing and why; from metadata alone."""
    now = services.clock.now()
    end = until or now
    begin = since or _day_before(end)
    if begin >= end:
        raise ProblemError("refused", detail="since ≥ until")
    found = await services.reads.read(
        lambda connection: (
            timeline(
                connection, agent_id, camera_id, begin, end, now, lambda clip_id: _on_its_way(services.pulls, clip_id)
            )
            if public_key_of(connection, agent_id) is not None
            else None
        )
    )
    if found is None:
        raise ProblemError("no-such-agent")
    return found


def _day_before(end: datetime) -> datetime:
    return end - timedelta(days=1)


def _on_its_way(pulls: Pulls, clip_id: str) -> bool:
    pull = pulls.state(clip_id)
    return pull is not None and pull.state in ("queued", "pulling")
