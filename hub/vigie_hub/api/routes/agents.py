"""Agents and their cameras."""

from fastapi import APIRouter

from vigie_hub.api.context import ServicesOf
from vigie_hub.api.models import Agent, Page
from vigie_hub.api.queries.agents import list_agents

router = APIRouter(tags=["agents"])


@router.get("/agents")
async def get_agents(services: ServicesOf) -> Page[Agent]:
    """All agents: how they are, and how much they have that is not here yet."""
    now = services.clock.now()
    return Page(items=await services.reads.read(lambda connection: list_agents(connection, now)))
