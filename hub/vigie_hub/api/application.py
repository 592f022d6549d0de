"""Puts the API together."""

import asyncio

from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse
from starlette.middleware import Middleware

from vigie_hub.api import problems
from vigie_hub.api.authentication import Authentication
from vigie_hub.api.contract import PROBLEM_RESPONSE, contract_of
from vigie_hub.api.gate import Gate
from vigie_hub.api.routes import agents, alerts, clips, enrolment, events, hotlist, pictures, stills, tickets, whep
from vigie_hub.api.services import Services
from vigie_hub.api.throttle import Throttle
from vigie_hub.api.viewings import Viewings
from vigie_hub.ui import pages
from vigie_hub.video.pull.door import Door, DoorKeeper

_DESCRIPTION = """
What agents report, alerts on plates that are looked for, and clips on demand. Times are UTC. Lists come in pages: hand
`next` back as `cursor`. Errors are problem details (RFC 9457). Scripts send a name and a password (HTTP Basic).
"""


def create_api(services: Services, door: Door | None = None) -> FastAPI:
    """The hub's HTTP side: the API, its contract, and the page."""
    authentication = Authentication(services)
    api = FastAPI(
        title="Vigie hub",
        version="1.0.0",
        summary="Watch beside the camera; send only what matters.",
        description=_DESCRIPTION.strip(),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        middleware=[
            *([Middleware(DoorKeeper, door=door)] if door is not None else []),
            Middleware(Gate, authentication=authentication),
        ],
    )
    api.state.services = services
    api.state.authentication = authentication
    api.state.viewings = Viewings()
    api.state.decoders = asyncio.Semaphore(pictures.DECODERS)
    api.state.enrolment_throttle = Throttle(enrolment.FREE_ATTEMPTS)
    problems.install(api)
    version_1 = APIRouter(prefix="/api/v1", responses=PROBLEM_RESPONSE)
    for part in (agents, events, alerts, clips, pictures, tickets, hotlist, enrolment):
        version_1.include_router(part.router)
    api.include_router(version_1)
    api.include_router(whep.router, responses=PROBLEM_RESPONSE)
    api.include_router(stills.router, responses=PROBLEM_RESPONSE)
    api.add_api_route("/healthz", _health, include_in_schema=False)
    api.add_api_route("/api/v1/openapi.json", lambda: JSONResponse(contract_of(api)), include_in_schema=False)
    pages.install(api)
    return api


async def _health() -> dict[str, str]:
    return {"status": "ok"}
