"""One JPEG a second over HTTP: the ticket of a WHEP session, one answer a question, nothing kept by browsers."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from nats.aio.client import Client

from tests.hub.agents import until
from tests.hub.api.routes.test_whep import ticket
from tests.hub.api.stage import PASSWORD, Stage, camera, sign_in, stage
from tests.hub.video.conftest import connection
from tests.hub.video.live_agents import film_camera, stills_agent
from tests.servers.nats_server import nats_server
from vigie_hub import users
from vigie_hub.tickets.desk import VALID_SECONDS
from vigie_hub.video.live.watching import Limits
from vigie_hub.video.stills import looking
from vigie_hub.video.stills.jpeg import check_jpeg

STILLS = "/stills/cameras/gate/in"
__all__ = ["connection", "nats_server"]


@pytest_asyncio.fixture
async def hub(tmp_path: Path, connection: Client) -> AsyncIterator[Stage]:
    async with stage(tmp_path, connection) as opened:
        yield opened


@pytest_asyncio.fixture
async def live(hub: Stage) -> AsyncIterator[Stage]:
    """With an agent that is online; nobody answers for it."""
    await hub.enrol("gate", [camera("in", "Main gate"), camera("yard", "Yard")])
    running = asyncio.create_task(hub.looking.run())
    await hub.looking.ready.wait()
    yield hub
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def begin(client: httpx.AsyncClient, path: str = STILLS, **headers: str) -> httpx.Response:
    secret = str((await ticket(client))["ticket"])
    return await client.post(path, headers={"vigie-ticket": secret, **headers})


def as_badr(live: Stage) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(live.api)
    return httpx.AsyncClient(transport=transport, base_url="http://hub.test", auth=httpx.BasicAuth("badr", PASSWORD))


async def test_pictures_come_one_answer_at_a_time_and_are_kept_nowhere(
    live: Stage, script: httpx.AsyncClient, connection: Client, tmp_path: Path
) -> None:
    async with film_camera(tmp_path) as film, stills_agent(connection, film):
        given = await ticket(script)
        assert given["stills"] == STILLS
        begun = await script.post(STILLS, headers={"vigie-ticket": str(given["ticket"])})
        assert begun.status_code == 201
        session = begun.headers["location"]
        first = await script.get(session)
        assert (first.status_code, first.headers["content-type"]) == (200, "image/jpeg")
        assert (first.headers["cache-control"], first.headers["x-content-type-options"]) == ("no-store", "nosniff")
        assert check_jpeg(first.content) == (320, 180)
        second = await script.get(session, params={"after": first.headers["vigie-number"]})
        assert int(second.headers["vigie-number"]) > int(first.headers["vigie-number"])
        assert second.headers["vigie-camera-time"] > first.headers["vigie-camera-time"]
        assert (await script.delete(session)).status_code == 200
        async with asyncio.timeout(30):
            while (gone := await script.get(session, params={"after": 1 << 40})).status_code != 404:
                pass
        assert gone.json()["code"] == "no-such-viewing"
        again = await script.post(STILLS, headers={"vigie-ticket": str(given["ticket"])})
        assert (again.status_code, again.json()["code"]) == (403, "ticket-used")


async def test_nobody_looks_without_a_ticket_that_counts(live: Stage, script: httpx.AsyncClient) -> None:
    secret = str((await ticket(script))["ticket"])

    async def refusal(shown: str) -> tuple[int, str]:
        response = await script.post(STILLS, headers={"vigie-ticket": shown})
        return response.status_code, response.json()["code"]

    assert await refusal("") == (403, "ticket-needed")
    assert await refusal("x" * 43) == (403, "ticket-unknown")
    live.clock.advance(VALID_SECONDS)
    assert await refusal(secret) == (403, "ticket-expired")


async def test_ticket_and_session_are_their_owner_s(live: Stage, script: httpx.AsyncClient) -> None:
    await asyncio.to_thread(users.add, live.database, "badr", PASSWORD, live.clock.now())
    secret = {"vigie-ticket": str((await ticket(script))["ticket"])}
    async with as_badr(live) as badr, live.client(signed_in=False) as stranger:
        assert (await badr.post(STILLS, headers=secret)).json()["code"] == "ticket-of-another"
        assert (await script.post("/stills/cameras/gate/yard", headers=secret)).json()["code"] == "ticket-of-another"
        assert (await stranger.post(STILLS, headers=secret)).status_code == 401
        session = (await script.post(STILLS, headers=secret)).headers["location"]
        assert (await stranger.get(session)).status_code == 401
        assert (await badr.get(session)).json()["code"] == "no-such-viewing"
        assert (await badr.delete(session)).json()["code"] == "no-such-viewing"
    assert ("badr", "ticket_refused_of_another", "gate/in") in await live.audited()


async def test_a_page_s_cookie_does_and_signing_out_ends_it(live: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "STILL_ALLOWED_SECONDS", 0.01)
    async with live.client(signed_in=False) as browser:
        await sign_in(browser)
        origin = {"origin": "http://hub.test"}
        wish = {"agent_id": "gate", "camera_id": "in", "purpose": "Case 114"}
        given = (await browser.post("/api/v1/tickets", json=wish, headers=origin)).json()
        bearer = {**origin, "authorization": f"Bearer {given['ticket']}"}
        begun = await browser.post(STILLS, headers=bearer)
        assert begun.status_code == 201
        await browser.post("/logout", headers=origin)
        assert (await browser.get(begun.headers["location"])).status_code == 401

        async def is_on_record() -> bool:
            return [row[1] for row in await live.audited()][-2:] == ["signed_out", "viewing_ended"]

        await until(is_on_record)


async def test_why_there_is_no_picture_is_said_and_nothing_new_is_an_empty_answer(
    live: Stage, script: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = (await begin(script)).headers["location"]
    told = await script.get(session)
    assert told.headers["content-type"] == "application/json"
    assert told.json()["reason"].startswith("agent gate is not connected")
    assert told.headers["vigie-number"] == "1"
    monkeypatch.setattr(looking, "WAIT_SECONDS", 0.01)
    assert (await script.get(session, params={"after": 1 << 40})).status_code == 204


async def test_no_more_than_may_look_by_either_means(live: Stage, script: httpx.AsyncClient) -> None:
    live.looking._limits = Limits(viewers_per_user_max=2)
    live.looking.elsewhere = lambda: ["amal"]
    assert (await begin(script)).status_code == 201
    full = await begin(script)
    assert (full.status_code, full.json()["code"]) == (429, "too-many-viewers")


async def test_a_hub_without_a_way_to_its_agents_says_so(hub: Stage, script: httpx.AsyncClient) -> None:
    await hub.enrol("gate", [camera("in", "Main gate")])
    response = await begin(script)
    assert (response.status_code, response.json()["code"]) == (503, "no-way-to-agents")
