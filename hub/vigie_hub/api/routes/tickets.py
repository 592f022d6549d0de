"""Leave to look: a reason in, a ticket out that counts once."""

from typing import Self

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from vigie_hub.api.context import ServicesOf, UserOf
from vigie_hub.api.models import Answer
from vigie_hub.api.problems import ProblemError
from vigie_hub.api.queries.agents import list_agents
from vigie_hub.api.queries.clips import find_clip
from vigie_hub.api.services import Services
from vigie_hub.tickets.target import Target
from vigie_shared.i18n import gettext as _
from vigie_shared.ids import AgentId, CameraId, UniqueId
from vigie_shared.media import Live

router = APIRouter(tags=["live video"])


class TicketWish(BaseModel):
    """What to look at, and why; the reason is kept with who looked, and shown at the edge."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    agent_id: AgentId | None = None
    camera_id: CameraId | None = None
    clip_id: UniqueId | None = None
    purpose: str = Field(min_length=3, max_length=300, examples=["Case 114: van at the north gate"])
    soon: bool = Field(False, description="The offer follows at once, for the camera at any quality: pull meanwhile")

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        named = (self.agent_id is not None, self.camera_id is not None, self.clip_id is not None)
        if named not in ((True, True, False), (False, False, True)):
            raise ValueError(_("name agent_id and camera_id, or clip_id"))
        return self


class TicketIceServer(Answer):
    """A STUN or TURN server, as `RTCPeerConnection` takes it."""

    urls: str
    username: str | None
    credential: str | None


class GivenTicket(Answer):
    """Leave to look, once, within the next half minute."""

    ticket_id: str
    ticket: str = Field(description="Send it as `Authorization: Bearer …`, or in the header `Vigie-Ticket`")
    expires_at: str
    whep: str = Field(description="Where to POST the offer", examples=["/whep/cameras/gate-1/in"])
    stills: str | None = Field(
        description="Where to POST instead for one picture a second, should no media connection come through;"
        " null for clips",
        examples=["/stills/cameras/gate-1/in"],
    )
    ice_servers: list[TicketIceServer]


@router.post("/tickets", status_code=201)
async def post_ticket(services: ServicesOf, user: UserOf, wish: TicketWish) -> GivenTicket:
    """A ticket for one camera or one clip. It counts once, for whoever asked for it."""
    if wish.clip_id is not None:
        target, path, stills = Target.clip(wish.clip_id), f"/whep/clips/{wish.clip_id}", None
        if await services.reads.read(lambda connection: find_clip(connection, str(wish.clip_id))) is None:
            raise ProblemError("no-such-clip")
    else:
        agent_id, camera_id = str(wish.agent_id), str(wish.camera_id)
        target, path = Target.camera(agent_id, camera_id), f"/whep/cameras/{agent_id}/{camera_id}"
        stills = f"/stills/cameras/{agent_id}/{camera_id}"
        await check_camera(services, agent_id, camera_id)
    ticket, secret = await services.tickets.issue(user, target, wish.purpose)
    if wish.soon and wish.agent_id is not None and wish.camera_id is not None:
        services.watching.foresee(ticket, wish.agent_id, Live(camera_id=wish.camera_id))
    servers = services.watching.ice_servers(ticket.ticket_id)
    return GivenTicket(
        ticket_id=ticket.ticket_id,
        ticket=secret,
        expires_at=ticket.expires_at.isoformat(),
        whep=path,
        stills=stills,
        ice_servers=[
            TicketIceServer(urls=one.url, username=one.username, credential=one.credential) for one in servers
        ],
    )


def secret_of(request: Request) -> str:
    """The ticket of a request: as `Authorization: Bearer`, or beside a password; else the problem `ticket-needed`."""
    scheme, _space, secret = request.headers.get("authorization", "").partition(" ")
    found = secret.strip() if scheme.lower() == "bearer" else request.headers.get("vigie-ticket", "")
    if not found:
        raise ProblemError("ticket-needed")
    return found


async def check_camera(services: Services, agent_id: str, camera_id: str) -> None:
    """Problem `no-such-camera`, or `agent-away`, where nothing could be shown."""
    now = services.clock.now()
    agents = await services.reads.read(lambda connection: list_agents(connection, now))
    agent = next((agent for agent in agents if agent.agent_id == agent_id), None)
    if agent is None or all(camera.camera_id != camera_id for camera in agent.cameras):
        raise ProblemError("no-such-camera")
    if agent.state != "online":
        raise ProblemError("agent-away")
