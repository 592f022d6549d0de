"""Events: as a list, and as they come."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse

from vigie_hub.api.authentication import Authentication
from vigie_hub.api.context import CursorOf, LimitOf, ServicesOf
from vigie_hub.api.models import EdgePage, Event
from vigie_hub.api.queries.completeness import completeness
from vigie_hub.api.queries.events import list_events
from vigie_hub.api.stream import stream_events

router = APIRouter(tags=["events"])


@router.get("/events")
async def get_events(
    services: ServicesOf,
    after: Annotated[
        int | None, Query(ge=0, description="Id of the last event known: the ones after it, in order")
    ] = None,
    kind: Annotated[str | None, Query(max_length=32)] = None,
    agent_id: Annotated[str | None, Query(max_length=32)] = None,
    cursor: CursorOf = None,
    limit: LimitOf = 100,
) -> EdgePage[Event]:
    """Events by arrival: with `after` the oldest first, else the newest first."""
    now = services.clock.now()
    page, known = await services.reads.read(
        lambda connection: (
            list_events(connection, after=after, cursor=cursor, kind=kind, agent_id=agent_id, limit=limit),
            completeness(connection, now, agent_id=agent_id),
        )
    )
    return EdgePage(items=page.items, next=page.next, completeness=known)


@router.get(
    "/events/stream",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Server-sent events. Unnamed ones carry an Event, with its id; `changed` ones name the"
            " list that is worth reading again: events, alerts, agents, clips or hotlist; `pull` ones carry a"
            " PullProgress, a few times a second while bytes come.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        }
    },
)
async def get_event_stream(
    request: Request,
    services: ServicesOf,
    last_event_id: Annotated[str | None, Header(description="Sent by a client that comes back")] = None,
    after: Annotated[int | None, Query(ge=0, description="Where to begin; from now on where absent")] = None,
) -> StreamingResponse:
    """Events as they come. After a break of the link nothing is left out."""
    known = int(last_event_id) if last_event_id and last_event_id.isdecimal() else after
    authentication: Authentication = request.app.state.authentication
    stream = stream_events(services, known, partial(authentication.is_current, request))
    return StreamingResponse(stream, media_type="text/event-stream")
