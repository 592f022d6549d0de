"""Clips: what there is at the edge, and the wish to have one here, or to keep it there."""

from typing import Annotated

from fastapi import APIRouter, Query

from vigie_hub.api.context import CursorOf, LimitOf, ServicesOf, UserOf
from vigie_hub.api.models import Clip, EdgePage, HoldWish
from vigie_hub.api.problems import ProblemError
from vigie_hub.api.progress import with_progress
from vigie_hub.api.queries.clips import find_clip, list_clips
from vigie_hub.api.queries.completeness import completeness
from vigie_hub.api.services import Services
from vigie_hub.video.pull.pieces import Quality
from vigie_shared.commands import HoldKind
from vigie_shared.errors import CommandError
from vigie_shared.signaling import ClipPriority

router = APIRouter(tags=["clips"])
_WANTED = ("asked", "held")
"""States of a hold that somebody wants, whatever its agent says yet."""


@router.get("/clips")
async def get_clips(
    services: ServicesOf,
    agent_id: Annotated[str | None, Query(max_length=32)] = None,
    cursor: CursorOf = None,
    limit: LimitOf = 100,
) -> EdgePage[Clip]:
    """Clips, the newest first, wherever their bytes are."""
    now = services.clock.now()
    page, known = await services.reads.read(
        lambda connection: (
            list_clips(connection, agent_id=agent_id, cursor=cursor, limit=limit),
            completeness(connection, now, ("clip",), agent_id=agent_id),
        )
    )
    clips = [with_progress(clip, services.pulls) for clip in page.items]
    return EdgePage(items=clips, next=page.next, completeness=known)


@router.get("/clips/{clip_id}")
async def getclip_of(services: ServicesOf, clip_id: str) -> Clip:
    """One clip, and how far its pull has come."""
    return await clip_of(services, clip_id)


@router.post("/clips/{clip_id}/pull", status_code=202)
async def post_pull(
    services: ServicesOf,
    user: UserOf,
    clip_id: str,
    waiting: Annotated[
        bool, Query(description="Whether a person waits for it; a script that need not says no.")
    ] = True,
    quality: Annotated[
        Quality,
        Query(
            description="One picture, a film of the keyframes, a small film that the agent makes, or the exact bytes."
        ),
    ] = "original",
) -> Clip:
    """Ask for the clip's bytes, or for less. Answers at once; asking again changes nothing.

    Who asks for several qualities gets the least first, one asked for later too; what came for one need not come again
    for another. Over a narrow link a clip that somebody waits for goes before one that is held by a pin or a legal
    hold, and that one before all others; only the first uses a metered link.
    """
    clip = await clip_of(services, clip_id)
    if clip.archive is not None and (quality in clip.archive.here or clip.archive.state == "verified"):
        return clip
    pull = services.pulls.state(clip_id)
    if pull is None or pull.state not in ("queued", "pulling") or quality not in pull.wanted:
        await services.audit.record(user, "pull_requested", clip_id)
    await services.pulls.request(clip_id, "clip" if waiting else _priority(clip), quality)
    return with_progress(clip.model_copy(update={"archive": None}), services.pulls)


@router.delete("/clips/{clip_id}/pull")
async def delete_pull(services: ServicesOf, user: UserOf, clip_id: str) -> Clip:
    """Want it no longer. What has come stays for a day; asked for again, it goes on from there."""
    await clip_of(services, clip_id)
    if await services.pulls.stop(clip_id):
        await services.audit.record(user, "pull_stopped", clip_id)
    return await clip_of(services, clip_id)


@router.put("/clips/{clip_id}/holds/{kind}", status_code=202)
async def put_hold(services: ServicesOf, user: UserOf, clip_id: str, kind: HoldKind, wish: HoldWish) -> Clip:
    """Keep the clip at the edge, or no longer: a pin for whoever wants it, a legal hold where a law asks for it.

    Answers at once; the agent hears of it as soon as it can be reached, and `holds` says when it has done so.
    """
    await clip_of(services, clip_id)
    try:
        await services.holds.ask(clip_id, kind, wish.wanted, wish.reason, user)
    except CommandError as error:
        raise ProblemError("refused", detail=error) from error
    return await clip_of(services, clip_id)


def _priority(clip: Clip) -> ClipPriority:
    """Of a clip for which nobody waits."""
    return "evidence" if any(hold.state in _WANTED for hold in clip.holds) else "bulk"


async def clip_of(services: Services, clip_id: str) -> Clip:
    """The clip, and how far its pull has come."""
    clip = await services.reads.read(lambda connection: find_clip(connection, clip_id))
    if clip is None:
        raise ProblemError("no-such-clip")
    return with_progress(clip, services.pulls)
