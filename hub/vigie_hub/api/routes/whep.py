"""Viewing by WHEP (draft-ietf-wish-whep-03): an offer in, an answer out, and a session that can be ended.

Beside the caller's own cookie or password, each session needs a ticket (`tickets`): as `Authorization: Bearer`, or in
the header `Vigie-Ticket` where `Authorization` carries the password.
"""

from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response

from vigie_hub.api.authentication import Authentication
from vigie_hub.api.context import ServicesOf, UserOf
from vigie_hub.api.problems import ProblemError
from vigie_hub.api.queries.clips import find_clip
from vigie_hub.api.routes.tickets import check_camera, secret_of
from vigie_hub.api.services import Services
from vigie_hub.tickets.desk import TicketError
from vigie_hub.tickets.target import Target
from vigie_hub.video.live.sdp_fragment import MEDIA_TYPE, SdpFragment
from vigie_hub.video.live.watching import ViewingError
from vigie_shared.errors import WireError
from vigie_shared.ice import IceServer
from vigie_shared.ids import AgentId, CameraId, UniqueId
from vigie_shared.media import RATE_MAX, RATE_MIN, First, Live, Play, Quality

SDP: Final = "application/sdp"
FULL_SECONDS: Final = 30
router = APIRouter(prefix="/whep", tags=["live video"])


def _text(media_type: str) -> dict[str, Any]:
    """For the contract: the body is text of that type."""
    content = {media_type: {"schema": {"type": "string"}}}
    return {"requestBody": {"required": True, "content": content}}


_ANSWER: Final[dict[int | str, dict[str, Any]]] = {
    201: {"description": "The answer; `Location` is the session", "content": {SDP: {}}}
}
_PROBLEMS: Final = {
    "stopped": "no-way-to-agents",
    "hub-full": "too-many-viewers",
    "user-full": "too-many-viewers",
    "no-h264": "no-h264",
    "no-such-viewing": "no-such-viewing",
    "other-ice-session": "no-ice-restart",
}


@router.post(
    "/cameras/{agent_id}/{camera_id}",
    status_code=201,
    response_class=Response,
    responses=_ANSWER,
    openapi_extra=_text(SDP),
)
async def post_camera(
    request: Request,
    services: ServicesOf,
    user: UserOf,
    agent_id: AgentId,
    camera_id: CameraId,
    quality: Annotated[Quality, Query(description="The best that is wanted; the link may carry less")] = "auto",
) -> Response:
    """What the camera sees now."""
    await check_camera(services, agent_id, camera_id)
    first = Live(camera_id=camera_id, quality=quality)
    return await _watch(request, services, user, Target.camera(agent_id, camera_id), agent_id, first)


@router.post("/clips/{clip_id}", status_code=201, response_class=Response, responses=_ANSWER, openapi_extra=_text(SDP))
async def post_clip(
    request: Request,
    services: ServicesOf,
    user: UserOf,
    clip_id: UniqueId,
    t: Annotated[float, Query(ge=0, description="Seconds from the clip's beginning")] = 0.0,
    rate: Annotated[float, Query(ge=RATE_MIN, le=RATE_MAX)] = 1.0,
) -> Response:
    """A clip as it lies at the edge, without bringing it first; over data channel `ctl` it is steered."""
    clip = await services.reads.read(lambda connection: find_clip(connection, clip_id))
    if clip is None:
        raise ProblemError("no-such-clip")
    first = Play(clip_id=clip_id, at_seconds=t, rate=rate)
    return await _watch(request, services, user, Target.clip(clip_id), clip.agent_id, first)


@router.patch("/sessions/{viewing_id}", status_code=204, response_class=Response, openapi_extra=_text(MEDIA_TYPE))
async def patch_session(
    request: Request,
    services: ServicesOf,
    user: UserOf,
    viewing_id: UniqueId,
    if_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Candidates that the viewer found after its offer. ICE restarts are refused: begin a new session instead."""
    fragment = await _body(request, MEDIA_TYPE)
    try:
        etag = services.watching.etag(viewing_id, user)
        if if_match not in (None, "*", etag):
            raise ProblemError("other-ice-session")
        await services.watching.trickle(viewing_id, user, SdpFragment.parse(fragment))
    except ViewingError as error:
        raise problem_of(error) from error
    except (WireError, ValueError) as error:
        raise ProblemError("bad-request", detail=error) from error
    return Response(status_code=204, headers={"etag": etag})


@router.delete("/sessions/{viewing_id}", response_class=Response)
async def delete_session(services: ServicesOf, user: UserOf, viewing_id: UniqueId) -> Response:
    """End the session."""
    try:
        services.watching.end(viewing_id, user)
    except ViewingError as error:
        raise problem_of(error) from error
    return Response(status_code=200)


async def _watch(
    request: Request, services: Services, user: str, target: Target, agent_id: str, first: First
) -> Response:
    offer = await _body(request, SDP)
    authentication: Authentication = request.app.state.authentication
    try:
        ticket = await services.tickets.redeem(secret_of(request), user, target)
        watched = await services.watching.watch(
            ticket, agent_id, first, offer, partial(authentication.is_current, request)
        )
    except TicketError as error:
        raise ProblemError(f"ticket-{error.flaw}") from error
    except ViewingError as error:
        raise problem_of(error) from error
    except WireError as error:
        raise ProblemError("no-h264") from error
    response = Response(watched.sdp, 201, media_type=SDP)
    response.headers["location"] = f"/whep/sessions/{watched.viewing_id}"
    response.headers["etag"] = watched.etag
    response.headers["accept-patch"] = MEDIA_TYPE
    for server in watched.ice_servers:
        response.headers.append("link", _link(server))
    return response


async def _body(request: Request, wanted: str) -> str:
    """The request's text, as it is: neither kind of body is one that FastAPI reads."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != wanted:
        raise ProblemError("wrong-type", wanted=wanted)
    return (await request.body()).decode("utf-8", "replace")


def problem_of(error: ViewingError) -> ProblemError:
    """Why a viewing cannot begin or go on."""
    return ProblemError(_PROBLEMS[error.hindrance], seconds=FULL_SECONDS)


def _link(server: IceServer) -> str:
    link = f'<{server.url}>; rel="ice-server"'
    if server.username is not None:
        link += f'; username="{server.username}"; credential="{server.credential}"; credential-type="password"'
    return link
