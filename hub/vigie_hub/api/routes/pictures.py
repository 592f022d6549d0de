"""What can be looked at of a clip before all of it is here: pictures, the keyframes, the sub-stream, the beginning."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

import anyio
from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response

from vigie_hub.api.context import ServicesOf, UserOf
from vigie_hub.api.models import Clip, Keyframe, KeyframeStrip
from vigie_hub.api.problems import ProblemError
from vigie_hub.api.ranges import ranged
from vigie_hub.api.routes.clips import clip_of
from vigie_hub.api.services import Services
from vigie_hub.video.pull.footage import Footage, playable_bytes
from vigie_hub.video.pull.looking import reading
from vigie_hub.video.pull.pieces import Quality
from vigie_hub.video.pull.wishes import QUALITIES
from vigie_shared.errors import StoreError, WireError

T = TypeVar("T")
WIDTH_PX: Final = 640
DECODERS: Final = 2
"""Pictures that are decoded at a time."""
router = APIRouter(tags=["clips"])
Width = Annotated[int, Query(ge=16, le=3840, description="At most; the picture is never made larger")]
Partly = Annotated[
    bool,
    Query(description="Whether what has come of it is enough: each block is verified, the whole is not"),
]


_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
_JPEG: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {"image/jpeg": _BINARY}}}
_MP4: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"video/mp4": _BINARY}},
    206: {"content": {"video/mp4": _BINARY}, "description": "The range that was asked for"},
}


@router.get("/clips/{clip_id}/thumbnail.jpg", response_class=Response, responses=_JPEG)
async def get_thumbnail(
    request: Request, services: ServicesOf, user: UserOf, clip_id: str, width_px: Width = WIDTH_PX
) -> Response:
    """One picture of the clip, from its middle."""
    clip = await clip_of(services, clip_id)
    footage = await _footage(services, clip, "thumbnail")
    return await _picture(request, services, user, clip, footage, footage.middle, "thumbnail", width_px)


@router.get("/clips/{clip_id}/keyframes")
async def get_keyframes(services: ServicesOf, clip_id: str) -> KeyframeStrip:
    """Which keyframes are here, and when each is shown; they come from coarse to fine."""
    return await strip_of(services, await clip_of(services, clip_id))


@router.get("/clips/{clip_id}/keyframes.mp4", response_class=Response, responses=_MP4)
async def get_keyframe_film(request: Request, services: ServicesOf, user: UserOf, clip_id: str) -> Response:
    """The keyframes that are here, as a film as long as the clip."""
    clip = await clip_of(services, clip_id)
    footage = await _footage(services, clip, "keyframes")
    if not footage.fragments:
        raise _absent(services, clip, "keyframes")
    film = await _read(footage.film)
    await note_view(request, services, user, clip_id)
    etag = f'"{clip.sha256}-{len(footage.fragments)}"'
    return ranged(request, len(film), lambda offset, length: film[offset : offset + length], "video/mp4", etag)


@router.get("/clips/{clip_id}/keyframes/{number}.jpg", response_class=Response, responses=_JPEG)
async def get_keyframe(
    request: Request, services: ServicesOf, user: UserOf, clip_id: str, number: int, width_px: Width = WIDTH_PX
) -> Response:
    """A keyframe, by its number."""
    clip = await clip_of(services, clip_id)
    footage = await _footage(services, clip, "keyframes")
    return await _picture(request, services, user, clip, footage, number, "keyframes", width_px)


@router.get("/clips/{clip_id}/sub.mp4", response_class=Response, responses=_MP4)
async def get_sub_stream(
    request: Request, services: ServicesOf, user: UserOf, clip_id: str, beginning: Partly = False
) -> Response:
    """The small film of the clip that its agent made and signed; not the clip's own bytes."""
    clip = await clip_of(services, clip_id)
    pull = services.pulls.state(clip_id)
    seen = pull.seen if pull else None
    if seen is None or seen.small is None or not (beginning or seen.small_bytes == seen.small.bytes):
        raise _absent(services, clip, "sub")
    path = services.archive.unfinished(seen.small.sha256)
    length = seen.small.bytes if seen.small_bytes == seen.small.bytes else await _playable(path, seen.small_bytes)
    return await _beginning(request, services, user, clip, length, "sub", seen.small.sha256)


@router.get("/clips/{clip_id}/video.mp4", response_class=FileResponse, responses=_MP4)
async def get_video(
    request: Request, services: ServicesOf, user: UserOf, clip_id: str, beginning: Partly = False
) -> Response:
    """The verified file, in ranges where asked so; each view leaves a line in the audit."""
    clip = await clip_of(services, clip_id)
    if clip.archive is None or clip.archive.sha256 is None:
        if not beginning or clip.archive is None:
            raise _absent(services, clip, "original")
        path = services.archive.unfinished(clip.sha256)
        length = await _playable(path, clip.archive.prefix_bytes)
        return await _beginning(request, services, user, clip, length, "original", clip.sha256)
    path = services.archive.path(clip.archive.sha256)
    if not await anyio.Path(path).is_file():
        raise ProblemError("file-missing")
    await note_view(request, services, user, clip_id)
    headers = {"etag": f'"{clip.archive.sha256}"', "cache-control": "private, no-cache"}
    return FileResponse(path, media_type="video/mp4", headers=headers)


async def strip_of(services: Services, clip: Clip) -> KeyframeStrip:
    """Which keyframes of the clip are here; raises ProblemError where none is."""
    footage = await _footage(services, clip, "keyframes")
    times = await _read(footage.times)
    items = [Keyframe(number=number, at_seconds=round(at_seconds, 3)) for number, at_seconds in times.items()]
    return KeyframeStrip(keyframes=footage.count or None, items=items)


async def note_view(request: Request, services: Services, user: str, clip_id: str) -> None:
    """One line a viewing: a player asks for many ranges of what it plays, a page for many pictures."""
    if request.app.state.viewings.begins((user, clip_id), services.clock.monotonic_seconds()):
        await services.audit.record(user, "clip_viewed", clip_id)


async def _footage(services: Services, clip: Clip, quality: Quality) -> Footage:
    if clip.archive is not None and clip.archive.sha256 is not None:
        return await _read(partial(Footage.of_file, services.archive.path(clip.archive.sha256)))
    pull = services.pulls.state(clip.clip_id)
    if pull is None or pull.seen.index is None:
        raise _absent(services, clip, quality)
    return Footage.of_part(services.archive.unfinished(clip.sha256), pull.seen)


async def _picture(
    request: Request,
    services: Services,
    user: str,
    clip: Clip,
    footage: Footage,
    number: int,
    quality: Literal["thumbnail", "keyframes"],
    width_px: int,
) -> Response:
    if number not in footage.fragments:
        raise _absent(services, clip, quality)
    async with request.app.state.decoders:
        data = await _read(partial(footage.picture, number, width_px))
    await note_view(request, services, user, clip.clip_id)
    return Response(data, media_type="image/jpeg")


async def _beginning(
    request: Request,
    services: Services,
    user: str,
    clip: Clip,
    length: int,
    quality: Quality,
    sha256: str,
) -> Response:
    """The first `length` bytes of a file that is on its way, and may be there before all of them are sent."""
    if not length:
        raise _absent(services, clip, quality)
    await note_view(request, services, user, clip.clip_id)
    read = reading(services.archive.unfinished(sha256), services.archive.path(sha256))
    return ranged(request, length, read, "video/mp4", f'"{sha256}-{length}"')


async def _playable(path: Path, until: int) -> int:
    return await _read(partial(playable_bytes, path, until))


async def _read(read: Callable[[], T]) -> T:
    """What lies on disk; raises ProblemError where it has just moved or gone, or shows nothing."""
    try:
        return await asyncio.to_thread(read)
    except StoreError as error:
        raise ProblemError("moved") from error
    except WireError as error:
        raise ProblemError("refused", detail=error) from error


def _absent(services: Services, clip: Clip, quality: Quality) -> ProblemError:
    """Why that is not here, and what to do."""
    pull = services.pulls.state(clip.clip_id)
    refused = pull.refused if pull else ()
    if quality in refused:
        offered = ", ".join(one for one in QUALITIES if one not in refused)
        return ProblemError("not-offered", quality=quality, offered=offered)
    return ProblemError("not-pulled", path=f"/api/v1/clips/{clip.clip_id}/pull?quality={quality}")
