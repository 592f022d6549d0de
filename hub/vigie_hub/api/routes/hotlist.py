"""The hotlist: plates that people look for."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from vigie_hub.api.context import CursorOf, LimitOf, ServicesOf, UserOf
from vigie_hub.api.models import HotlistEntry, HotlistWish, Page
from vigie_hub.api.problems import ProblemError
from vigie_hub.api.queries.hotlist import find_entry, list_hotlist
from vigie_hub.hotlists.wishes import PlateWish
from vigie_shared.errors import CommandError

router = APIRouter(tags=["hotlist"])


@router.get("/hotlist")
async def get_hotlist(services: ServicesOf, cursor: CursorOf = None, limit: LimitOf = 100) -> Page[HotlistEntry]:
    """Plates that are looked for, the newest first."""
    return await services.reads.read(lambda connection: list_hotlist(connection, cursor=cursor, limit=limit))


@router.post("/hotlist", status_code=201)
async def post_hotlist(services: ServicesOf, user: UserOf, wish: HotlistWish) -> HotlistEntry:
    """Look for a plate from now on; one of another country is compared as it is written."""
    try:
        wanted = PlateWish(
            **{name: getattr(wish, name) for name in ("text", "reason", "list_id", "category", "severity")},
            rules=tuple(wish.rules),
            valid_from=wish.valid_from,
            valid_until=wish.valid_until,
        )
        entry_id = await services.hotlist.add(wish.text, wish.reason, user, wanted)
    except CommandError as error:
        raise ProblemError("refused", detail=error) from error
    entry = await services.reads.read(lambda connection: find_entry(connection, entry_id))
    if entry is None:  # removed by someone else in between
        raise ProblemError("no-such-entry")
    return entry


@router.delete("/hotlist/{entry_id}", status_code=204)
async def delete_entry(
    services: ServicesOf, user: UserOf, entry_id: str, reason: Annotated[str, Query(max_length=300)] = ""
) -> Response:
    """Look for this plate no longer; `reason` says why."""
    if not await services.hotlist.remove(entry_id, user, reason):
        raise ProblemError("no-such-entry")
    return Response(status_code=204)
