"""One JPEG a second, for viewers whom no media connection reaches: with a ticket and an audit as live video has.

The viewer asks for each picture and gets the newest: whoever is slow sees fewer, never older ones.
"""

from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from vigie_hub.api.authentication import Authentication
from vigie_hub.api.context import ServicesOf, UserOf
from vigie_hub.api.problems import ProblemError
from vigie_hub.api.routes.tickets import check_camera, secret_of
from vigie_hub.api.routes.whep import problem_of
from vigie_hub.tickets.desk import TicketError
from vigie_hub.tickets.target import Target
from vigie_hub.video.live.watching import ViewingError
from vigie_hub.video.stills.asking import CheckedStill
from vigie_shared.ids import AgentId, CameraId, UniqueId

router = APIRouter(prefix="/stills", tags=["live video"])
_BEGUN: Final[dict[int | str, dict[str, Any]]] = {201: {"description": "Begun; `Location` is the session"}}
_NEWS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The newest picture, or, as JSON, why there is none now. `Vigie-Number` is what to send as"
        " `after` next, `Vigie-Camera-Time` when the camera took the picture.",
        "content": {"image/jpeg": {}, "application/json": {}},
    },
    204: {"description": "Nothing newer yet; ask again"},
}


@router.post("/cameras/{agent_id}/{camera_id}", status_code=201, response_class=Response, responses=_BEGUN)
async def post_stills(
    request: Request, services: ServicesOf, user: UserOf, agent_id: AgentId, camera_id: CameraId
) -> Response:
    """Look at a camera, picture by picture; with a ticket, as WHEP takes it."""
    await check_camera(services, agent_id, camera_id)
    authentication: Authentication = request.app.state.authentication
    try:
        ticket = await services.tickets.redeem(secret_of(request), user, Target.camera(agent_id, camera_id))
        viewing_id = services.looking.look(ticket, agent_id, camera_id, partial(authentication.is_current, request))
    except TicketError as error:
        raise ProblemError(f"ticket-{error.flaw}") from error
    except ViewingError as error:
        raise problem_of(error) from error
    return Response(status_code=201, headers={"location": f"/stills/sessions/{viewing_id}"})


@router.get("/sessions/{viewing_id}", response_class=Response, responses=_NEWS)
async def get_still(
    services: ServicesOf,
    user: UserOf,
    viewing_id: UniqueId,
    after: Annotated[int, Query(ge=0, description="The number of the last answer")] = 0,
) -> Response:
    """What is newer than the last answer, as soon as there is something, within ten seconds."""
    try:
        news = await services.looking.news(viewing_id, user, after)
    except ViewingError as error:
        raise problem_of(error) from error
    if news is None:
        return Response(status_code=204)
    headers = {"vigie-number": str(news.number)}
    if not isinstance(news.told, CheckedStill):
        return JSONResponse(news.told.model_dump(), headers=headers)
    headers["vigie-camera-time"] = news.told.still.head.at.isoformat()
    return Response(news.told.still.jpeg, media_type="image/jpeg", headers=headers)


@router.delete("/sessions/{viewing_id}", response_class=Response)
async def delete_stills(services: ServicesOf, user: UserOf, viewing_id: UniqueId) -> Response:
    """End the session."""
    try:
        services.looking.end(viewing_id, user)
    except ViewingError as error:
        raise problem_of(error) from error
    return Response(status_code=200)
