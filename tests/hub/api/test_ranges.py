"""Ranges of what is no file of its own (RFC 9110 §14)."""

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import Response

from vigie_hub.api.ranges import PIECE_BYTES, ranged

DATA = bytes(range(256)) * 4


def served(data: bytes = DATA, length: int = len(DATA)) -> httpx.AsyncClient:
    api = FastAPI()

    @api.get("/film")
    async def film(request: Request) -> Response:
        return ranged(request, length, lambda at, count: data[at : at + count], "video/mp4", '"tag"')

    return httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://hub.test")


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-", 0, 1023), ("bytes=10-19", 10, 19), ("bytes=1000-5000", 1000, 1023), ("bytes=-24", 1000, 1023)],
)
async def test_one_range_is_answered_with_it(asked: str, first: int, last: int) -> None:
    async with served() as client:
        part = await client.get("/film", headers={"range": asked})
    assert (part.status_code, part.content) == (206, DATA[first : last + 1])
    assert part.headers["content-range"] == f"bytes {first}-{last}/1024"
    assert part.headers["cache-control"].startswith("private")


@pytest.mark.parametrize("asked", ["bytes=1024-", "bytes=-0", "bytes=9-3"])
async def test_a_range_that_is_none_is_refused(asked: str) -> None:
    async with served() as client:
        refused = await client.get("/film", headers={"range": asked})
    assert (refused.status_code, refused.headers["content-range"]) == (416, "bytes */1024")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"range": "bytes=0-1,4-5"},
        {"range": "lines=1-2"},
        {"range": "bytes=-"},
        {"range": "bytes=0-1", "if-range": '"x"'},
    ],
)
async def test_anything_else_is_answered_with_all(headers: dict[str, str]) -> None:
    async with served() as client:
        whole = await client.get("/film", headers=headers)
    assert (whole.status_code, whole.content, whole.headers["accept-ranges"]) == (200, DATA, "bytes")


async def test_large_ones_come_in_pieces_and_half_of_one_is_never_taken_for_it() -> None:
    large = b"x" * (2 * PIECE_BYTES + 5)
    async with served(large, len(large)) as client:
        assert (await client.get("/film")).content == large
    async with served(large[:-1], len(large)) as client:
        with pytest.raises(Exception, match="went while it was sent"):
            await client.get("/film")
