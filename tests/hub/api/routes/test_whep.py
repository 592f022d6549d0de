"""Tickets and WHEP over HTTP: who may look, how offers and candidates are taken, how a view ends."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from nats.aio.client import Client

from tests.hub.api.stage import NAME, PASSWORD, Stage, camera, sign_in, stage
from tests.hub.video.conftest import connection
from tests.hub.video.live_agents import TestViewer
from tests.servers.nats_server import nats_server
from vigie_hub import users
from vigie_hub.tickets.desk import VALID_SECONDS

OFFER = {"content-type": "application/sdp"}
GATE = {"agent_id": "gate", "camera_id": "in", "purpose": "Case 114"}
WHEP = "/whep/cameras/gate/in"


__all__ = ["connection", "nats_server"]


@pytest_asyncio.fixture
async def hub(tmp_path: Path, connection: Client) -> AsyncIterator[Stage]:
    async with stage(tmp_path, connection) as opened:
        yield opened


@pytest_asyncio.fixture
async def live(hub: Stage) -> AsyncIterator[Stage]:
    """With an agent that is online; nobody answers for it."""
    await hub.enrol("gate", [camera("in", "Main gate"), camera("yard", "Yard")])
    running = asyncio.create_task(hub.watching.run())
    await hub.watching.ready.wait()
    yield hub
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest_asyncio.fixture
async def viewer() -> AsyncIterator[TestViewer]:
    viewer = TestViewer()
    yield viewer
    await viewer.close()


async def ticket(client: httpx.AsyncClient, **changes: object) -> dict[str, object]:
    response = await client.post("/api/v1/tickets", json={**GATE, **changes})
    assert response.status_code == 201, response.text
    given: dict[str, object] = response.json()
    return given


async def offer(client: httpx.AsyncClient, viewer: TestViewer, secret: object, path: str = WHEP) -> httpx.Response:
    headers = {**OFFER, "vigie-ticket": str(secret)}
    return await client.post(path, content=await viewer.offer(), headers=headers)


async def test_a_ticket_lets_its_owner_in_once(live: Stage, script: httpx.AsyncClient, viewer: TestViewer) -> None:
    given = await ticket(script)
    assert given["whep"] == WHEP
    response = await offer(script, viewer, given["ticket"])
    assert response.status_code == 201
    assert response.headers["content-type"].startswith("application/sdp")
    assert response.headers["location"].startswith("/whep/sessions/")
    assert "a=sendonly" in response.text
    assert "H264/90000" in response.text
    again = await offer(script, viewer, given["ticket"])
    assert (again.status_code, again.json()["code"]) == (403, "ticket-used")


async def test_the_pull_begins_with_the_ticket_where_the_offer_follows_at_once(
    live: Stage, script: httpx.AsyncClient
) -> None:
    await ticket(script)
    assert not live.watching._relays
    await ticket(script, soon=True)
    assert len(live.watching._relays) == 1
    assert live.watching.viewer_count == 0


async def test_a_browser_sends_its_ticket_as_bearer_beside_its_cookie(live: Stage, viewer: TestViewer) -> None:
    async with live.client(signed_in=False) as browser:
        await sign_in(browser)
        origin = {"origin": "http://hub.test"}
        given = (await browser.post("/api/v1/tickets", json=GATE, headers=origin)).json()
        bearer = {**OFFER, **origin, "authorization": f"Bearer {given['ticket']}"}
        response = await browser.post(WHEP, content=await viewer.offer(), headers=bearer)
        assert response.status_code == 201
        ended = await browser.delete(response.headers["location"], headers=origin)
        assert ended.status_code == 200


async def test_a_ticket_alone_opens_nothing(live: Stage, script: httpx.AsyncClient, viewer: TestViewer) -> None:
    given = await ticket(script)
    async with live.client(signed_in=False) as stranger:
        bearer = {**OFFER, "authorization": f"Bearer {given['ticket']}"}
        response = await stranger.post(WHEP, content=await viewer.offer(), headers=bearer)
    assert response.status_code == 401


@pytest.mark.parametrize(
    ("break_it", "code"),
    [
        (lambda hub, given: {"vigie-ticket": ""}, "ticket-needed"),
        (lambda hub, given: {"vigie-ticket": "x" * 43}, "ticket-unknown"),
        (lambda hub, given: hub.clock.advance(VALID_SECONDS), "ticket-expired"),
    ],
    ids=["none", "made up", "too late"],
)
async def test_what_is_no_ticket_any_more_is_a_problem(
    live: Stage,
    script: httpx.AsyncClient,
    viewer: TestViewer,
    break_it: Callable[[Stage, dict[str, object]], dict[str, str] | None],
    code: str,
) -> None:
    given = await ticket(script)
    headers = {**OFFER, "vigie-ticket": str(given["ticket"]), **(break_it(live, given) or {})}
    response = await script.post(WHEP, content=await viewer.offer(), headers=headers)
    assert (response.status_code, response.json()["code"]) == (403, code)


async def test_a_ticket_cannot_be_handed_on(live: Stage, script: httpx.AsyncClient, viewer: TestViewer) -> None:
    await asyncio.to_thread(users.add, live.database, "badr", PASSWORD, live.clock.now())
    given = await ticket(script)
    other = httpx.BasicAuth("badr", PASSWORD)
    async with httpx.AsyncClient(transport=script._transport, base_url="http://hub.test", auth=other) as badr:
        response = await offer(badr, viewer, given["ticket"])
    assert response.json()["code"] == "ticket-of-another"
    assert ("badr", "ticket_refused_of_another", "gate/in") in await live.audited()
    elsewhere = await offer(script, viewer, given["ticket"], "/whep/cameras/gate/yard")
    assert elsewhere.json()["code"] == "ticket-of-another"


@pytest.mark.parametrize(
    ("wish", "status", "code"),
    [
        ({"purpose": "  "}, 422, "bad-request"),
        ({"camera_id": None}, 422, "bad-request"),
        ({"clip_id": "a" * 22}, 422, "bad-request"),
        ({"camera_id": "attic"}, 404, "no-such-camera"),
        ({"agent_id": "nowhere"}, 404, "no-such-camera"),
        ({"agent_id": None, "camera_id": None, "clip_id": "a" * 22}, 404, "no-such-clip"),
    ],
    ids=["no reason", "half a camera", "two things", "unknown camera", "unknown agent", "unknown clip"],
)
async def test_no_ticket_without_a_reason_for_one_known_thing(
    live: Stage, script: httpx.AsyncClient, wish: dict[str, object], status: int, code: str
) -> None:
    response = await script.post("/api/v1/tickets", json={**GATE, **wish})
    assert (response.status_code, response.json()["code"]) == (status, code)


async def test_an_agent_that_is_away_is_said_to_be(live: Stage, script: httpx.AsyncClient) -> None:
    live.clock.advance(3600)
    response = await script.post("/api/v1/tickets", json=GATE)
    assert (response.status_code, response.json()["code"]) == (409, "agent-away")


async def test_an_offer_that_is_none_is_a_problem(live: Stage, script: httpx.AsyncClient, viewer: TestViewer) -> None:
    async def post(body: str, kind: str = "application/sdp") -> httpx.Response:
        secret = (await ticket(script))["ticket"]
        return await script.post(WHEP, content=body, headers={"content-type": kind, "vigie-ticket": str(secret)})

    vp8 = (await viewer.offer()).replace("H264/90000", "VP8/90000")
    assert (await post(vp8)).json()["code"] == "no-h264"
    assert (await post("a=rtpmap:96 H264/90000\r\nnonsense")).json()["code"] == "no-h264"
    assert (await post("{}", "application/json")).status_code == 415


async def test_late_candidates_are_taken_for_the_session_they_belong_to(
    live: Stage, script: httpx.AsyncClient, viewer: TestViewer
) -> None:
    sdp = await viewer.offer()
    response = await offer(script, viewer, (await ticket(script))["ticket"])
    session, etag = response.headers["location"], response.headers["etag"]
    ufrag = next(line.partition(":")[2] for line in sdp.splitlines() if line.startswith("a=ice-ufrag"))
    candidate = "a=candidate:1 1 udp 2122260223 127.0.0.1 50000 typ host"
    kind = {"content-type": "application/trickle-ice-sdpfrag"}

    async def patch(body: str, **headers: str) -> httpx.Response:
        return await script.patch(session, content=body, headers={**kind, **headers})

    fragment = f"a=ice-ufrag:{ufrag}\r\na=mid:0\r\n{candidate}\r\n"
    assert (await patch(fragment, **{"if-match": etag})).status_code == 204
    assert (await patch(fragment)).status_code == 204
    assert (await patch(fragment, **{"if-match": '"other"'})).status_code == 412
    restart = fragment.replace(ufrag, "other")
    assert (await patch(restart)).json()["code"] == "no-ice-restart"
    assert (await patch("nonsense")).status_code == 422
    assert (await patch(f"a=ice-ufrag:{ufrag}\r\na=candidate:nonsense\r\n")).status_code == 422


async def test_a_view_is_ended_by_its_own_user_alone(
    live: Stage, script: httpx.AsyncClient, viewer: TestViewer
) -> None:
    response = await offer(script, viewer, (await ticket(script))["ticket"])
    session = response.headers["location"]
    await asyncio.to_thread(users.add, live.database, "badr", PASSWORD, live.clock.now())
    other = httpx.BasicAuth("badr", PASSWORD)
    async with httpx.AsyncClient(transport=script._transport, base_url="http://hub.test", auth=other) as badr:
        assert (await badr.delete(session)).json()["code"] == "no-such-viewing"
    assert (await script.delete(session)).status_code == 200


async def test_a_hub_without_a_way_to_its_agents_says_so(
    hub: Stage, script: httpx.AsyncClient, viewer: TestViewer
) -> None:
    await hub.enrol("gate", [camera("in", "Main gate")])
    response = await offer(script, viewer, (await ticket(script))["ticket"])
    assert (response.status_code, response.json()["code"]) == (503, "no-way-to-agents")


async def test_who_asks_and_why_is_kept(live: Stage, script: httpx.AsyncClient) -> None:
    await ticket(script)
    rows = await live.database.read(lambda one: one.execute("SELECT user, target, purpose FROM tickets").fetchall())
    assert [tuple(row) for row in rows] == [(NAME, "camera:gate/in", "Case 114")]
