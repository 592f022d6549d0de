"""Server-sent events over a real connection."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.hub.api.stage import NAME, PASSWORD, Stage, serving
from vigie_hub.api.stream import stream_events
from vigie_hub.sync.stored import event_id_of

STREAM = "/api/v1/events/stream"


@asynccontextmanager
async def _listening(url: str, **headers: str) -> AsyncIterator[AsyncIterator[dict[str, str]]]:
    async with (
        httpx.AsyncClient(base_url=url, auth=(NAME, PASSWORD), timeout=10) as script,
        script.stream(
            "GET", STREAM, headers={name.replace("_", "-"): value for name, value in headers.items()}
        ) as response,
    ):
        assert response.headers["content-type"].startswith("text/event-stream")
        yield _messages(response)


async def _messages(response: httpx.Response) -> AsyncIterator[dict[str, str]]:
    message: dict[str, str] = {}
    async for line in response.aiter_lines():
        field, _, value = line.partition(":")
        if line == "":
            yield message
            message = {}
        elif field:
            message[field] = value.removeprefix(" ")


def _body(message: dict[str, str]) -> Any:
    return json.loads(message["data"])


def nth(number: int) -> str:
    """The id of the event of the `number`-th batch, each of one event."""
    return str(event_id_of(number, 0))


async def test_new_events_arrive_by_themselves_with_their_ids(hub: Stage, url: str) -> None:
    await hub.report("gate", hub.motion("in"))
    async with _listening(url) as messages:
        assert (await anext(messages))["id"] == nth(1)
        motion = hub.motion("in")
        await hub.report("gate", hub.read("12345|أ|6", motion))
        message = await anext(messages)
    assert (message["id"], _body(message)["kind"], _body(message)["body"]["text"]) == (
        nth(2),
        "plate_read",
        "12345|أ|6",
    )


async def test_a_client_that_comes_back_misses_nothing(hub: Stage, url: str) -> None:
    await hub.report("gate", *(hub.motion("in") for _ in range(3)))
    async with _listening(url, last_event_id=nth(1)) as messages:
        await anext(messages)
        assert [(await anext(messages))["id"] for _ in range(2)] == [nth(2), nth(3)]


async def test_changes_of_other_lists_are_named(hub: Stage, url: str) -> None:
    async with _listening(url) as messages:
        await anext(messages)
        await hub.services.hotlist.add("12345|أ|6", "Stolen", NAME)
        message = await anext(messages)
    assert (message["event"], _body(message)) == ("changed", "hotlist")


async def test_long_backlog_comes_whole_and_in_order(hub: Stage, url: str) -> None:
    await hub.report("gate", *(hub.motion("in") for _ in range(450)))
    async with _listening(url, last_event_id="0") as messages:
        await anext(messages)
        assert [(await anext(messages))["id"] for _ in range(450)] == [nth(number) for number in range(1, 451)]


async def test_nonsense_in_last_event_id_begins_with_now(hub: Stage, url: str) -> None:
    await hub.report("gate", hub.motion("in"))
    async with _listening(url, last_event_id="x") as messages:
        assert (await anext(messages))["id"] == nth(1)


async def test_open_streams_do_not_hold_up_the_stop(hub: Stage) -> None:
    async with asyncio.timeout(5):
        async with serving(hub) as url, _listening(url) as messages:
            await anext(messages)
            hub.services.feed.close()
            assert [message async for message in messages if message] == []


async def test_who_signs_out_hears_nothing_more(hub: Stage, url: str) -> None:
    async with httpx.AsyncClient(base_url=url, timeout=10, headers={"origin": url}) as browser:
        await browser.post("/login", data={"name": NAME, "password": PASSWORD})
        async with browser.stream("GET", STREAM) as response:
            messages = _messages(response)
            await anext(messages)
            await browser.post("/logout")
            await hub.report("gate", hub.motion("in"))
            assert [message async for message in messages if message] == []


async def test_a_quiet_line_is_kept_open_by_comments(hub: Stage) -> None:
    lines = stream_events(hub.services, 0, lambda: True, keep_alive_seconds=0.01)
    assert (await anext(lines)).startswith("retry:")
    assert [await anext(lines), await anext(lines)] == [": still here\n\n"] * 2
    await lines.aclose()
