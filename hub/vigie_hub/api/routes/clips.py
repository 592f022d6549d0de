"""Clips: what there is at the edge, the wish to have one here, and its video."""

from pathlib import Path
from typing import Annotated

import anyio
from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse

from vigie_hub.api.context import CursorOf, LimitOf, ServicesOf, UserOf
from vigie_hub.api.models import Clip, EdgePage, HoldWish
from vigie_hub.api.problems import ProblemError
from vigie_hub.api.progress import with_progress
from vigie_hub.api.queries.clips import find_clip, list_clips
from vigie_hub.api.queries.completeness import completeness
from vigie_hub.api.services import Services
from vigie_shared.commands import HoldKind
from vigie_shared.errors import CommandError
from vigie_shared.signaling import ClipPriority

router = APIRouter(tags=["clips"])
_WANTED = ("asked", "held")
"""States of a hold that somebody wants, whatever its agent says yet."""
_VIDEO = {"content": {"video/mp4": {"schema": {"type": "string", "format": "binary"}}}}


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
async def get_clip(services: ServicesOf, clip_id: str) -> Clip:
    """One clip, and how far its pull has come."""
    return await _clip(services, clip_id)


@router.post("/clips/{clip_id}/pull", status_code=202)
async def post_pull(
    services: ServicesOf,
    user: UserOf,
    clip_id: str,
    waiting: Annotated[
        bool, Query(description="Whether a person waits for it; a script that need not says no.")
    ] = True,
) -> Clip:
    """Ask for the clip's bytes. Answers at once; asking again changes nothing.

    Over a narrow link a clip that somebody waits for goes before one that is held by a pin or a legal hold, and that
    one before all others; only the first uses a metered link.
    """
    clip = await _clip(services, clip_id)
    if clip.archive is not None and clip.archive.state != "failed":
        return clip
    await services.audit.record(user, "pull_requested", clip_id)
    await services.pulls.request(clip_id, "clip" if waiting else _priority(clip))
    return with_progress(clip.model_copy(update={"archive": None}), services.pulls)


@router.put("/clips/{clip_id}/holds/{kind}", status_code=202)
async def put_hold(services: ServicesOf, user: UserOf, clip_id: str, kind: HoldKind, wish: HoldWish) -> Clip:
    """Keep the clip at the edge, or no longer: a pin for whoever wants it, a legal hold where a law asks for it.

    Answers at once; the agent hears of it as soon as it can be reached, and `holds` says when it has done so.
    """
    await _clip(services, clip_id)
    try:
        await services.holds.ask(clip_id, kind, wish.wanted, wish.reason, user)
    except CommandError as error:
        raise ProblemError("refused", detail=error) from error
    return await _clip(services, clip_id)


@router.get(
    "/clips/{clip_id}/video.mp4",
    response_class=FileResponse,
    responses={200: _VIDEO, 206: {**_VIDEO, "description": "The range that was asked for"}},
)
async def get_video(request: Request, services: ServicesOf, user: UserOf, clip_id: str) -> FileResponse:
    """The verified file, in ranges where asked so; each view leaves a line in the audit."""
    clip = await _clip(services, clip_id)
    if clip.archive is None or clip.archive.sha256 is None:
        raise ProblemError("not-pulled", path=f"/api/v1/clips/{clip_id}/pull")
    path = services.archive.path(clip.archive.sha256)
    if not await anyio.Path(path).is_file():
        raise ProblemError("file-missing")
    await _note_view(request, services, user, clip_id)
    return _file(path, clip.archive.sha256)


async def _note_view(request: Request, services: Services, user: str, clip_id: str) -> None:
    """One line a viewing: a player asks for many ranges of what it plays."""
    if request.app.state.viewings.begins((user, clip_id), services.clock.monotonic_seconds()):
        await services.audit.record(user, "clip_viewed", clip_id)


def _file(path: Path, sha256: str) -> FileResponse:
    return FileResponse(
        path, media_type="video/mp4", headers={"etag": f'"{sha256}"', "cache-control": "private, no-cache"}
    )


def _priority(clip: Clip) -> ClipPriority:
    """Of a clip for which nobody waits."""
    return "evidence" if any(hold.state in _WANTED for hold in clip.holds) else "bulk"


async def _clip(services: Services, clip_id: str) -> Clip:
    clip = await services.reads.read(lambda connection: find_clip(connection, clip_id))
    if clip is None:
        raise ProblemError("no-such-clip")
    return with_progress(clip, services.pulls)
