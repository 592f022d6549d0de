"""Agents that enrol with a code, and those that were away for so long that nats-server lets them in no more.

Whoever asks is not signed in: a code, or a signature with an enrolled key, speaks for it.
"""

import math
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from vigie_hub.api.authentication import address_of
from vigie_hub.api.context import ServicesOf
from vigie_hub.api.problems import ProblemError
from vigie_hub.api.services import Services
from vigie_hub.api.throttle import Throttle
from vigie_hub.fleet.admission import SuspendedError
from vigie_shared.enrolment import Wish
from vigie_shared.errors import CommandError

FREE_ATTEMPTS: Final = 10
_SEALED: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "What the agent needs, sealed with the hub's key"}
}

router = APIRouter(tags=["enrolment"])


@router.get("/enrolment/authority", response_class=PlainTextResponse)
async def get_authority(services: ServicesOf) -> str:
    """The hub's certificate authority, PEM; the fingerprint in a code vouches for it, not the way it came."""
    return services.admission.authority()


@router.post("/enrolment", responses=_SEALED)
async def post_enrolment(request: Request, services: ServicesOf, wish: Wish) -> Response:
    """Enrol an agent by a code; each code counts once."""
    return await _admit(request, services, wish, services.admission.redeem, address_of(request))


@router.post("/enrolment/renewal", responses=_SEALED)
async def post_renewal(request: Request, services: ServicesOf, wish: Wish) -> Response:
    """Fresh credentials for an enrolled agent; a revoked one is refused."""
    return await _admit(request, services, wish, services.admission.renew, (address_of(request), wish.agent_id))


async def _admit(
    request: Request,
    services: Services,
    wish: Wish,
    admit: Callable[[Wish], Awaitable[bytes | None]],
    key: Hashable,
) -> Response:
    """Ask `admit`, more and more slowly for those who guess."""
    throttle: Throttle = request.app.state.enrolment_throttle
    now = services.clock.monotonic_seconds()
    wait_seconds = throttle.wait_seconds(key, now)
    if wait_seconds > 0:
        raise ProblemError("too-many-requests", seconds=math.ceil(wait_seconds))
    throttle.attempted(key, now)
    try:
        sealed = await admit(wish)
    except CommandError as error:
        raise ProblemError("refused", detail=error) from error
    except SuspendedError as error:
        raise ProblemError("suspended", seconds=error.seconds) from error
    if sealed is None:
        raise ProblemError("not-admitted")
    throttle.succeeded(key)
    return Response(sealed, media_type="application/json")
