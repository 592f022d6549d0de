"""Bytes in ranges (RFC 9110 §14), of what is no file of its own: the beginning of one, or a film that was made."""

import re
from collections.abc import AsyncIterator
from typing import Final

import anyio.to_thread
from fastapi import Request
from fastapi.responses import Response, StreamingResponse

from vigie_hub.video.pull.pieces import Read
from vigie_shared.errors import StoreError

PIECE_BYTES: Final = 256 * 1024
_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")


def ranged(request: Request, length: int, read: Read, media_type: str, etag: str) -> Response:
    """`length` bytes, or the one range that was asked for; several ranges are answered with all."""
    headers = {"etag": etag, "accept-ranges": "bytes", "cache-control": "private, no-cache"}
    span = _span(request, length, etag)
    if span is None:
        return _sent(read, 0, length, headers, media_type, 200)
    first, last = span
    if first >= length or first > last:
        return Response(status_code=416, headers=headers | {"content-range": f"bytes */{length}"})
    headers["content-range"] = f"bytes {first}-{last}/{length}"
    return _sent(read, first, last + 1, headers, media_type, 206)


def _span(request: Request, length: int, etag: str) -> tuple[int, int] | None:
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    if asked is None or asked.groups() == ("", "") or request.headers.get("if-range", etag) != etag:
        return None
    first, last = asked.groups()
    if not first:
        return max(0, length - int(last)), length - 1 if int(last) else -1
    return int(first), min(int(last), length - 1) if last else length - 1


def _sent(read: Read, first: int, end: int, headers: dict[str, str], media_type: str, status: int) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        for at in range(first, end, PIECE_BYTES):
            count = min(PIECE_BYTES, end - at)
            piece = await anyio.to_thread.run_sync(read, at, count)
            if len(piece) != count:
                raise StoreError("the file went while it was sent")  # the connection breaks: no half is taken for all
            yield piece

    return StreamingResponse(pieces(), status, headers | {"content-length": str(end - first)}, media_type)
