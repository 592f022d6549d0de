"""Names, passwords and sessions."""

import base64

import httpx
import pytest

from tests.hub.api.stage import NAME, Stage, sign_in
from vigie_hub.api.authentication import COOKIE
from vigie_hub.api.sessions import IDLE_SECONDS_MAX

ORIGIN = {"origin": "http://hub.test"}


async def test_a_script_comes_in_by_basic(script: httpx.AsyncClient) -> None:
    assert (await script.get("/api/v1/agents")).status_code == 200


@pytest.mark.parametrize(
    "header", ["Basic", "Basic !!!", "Basic " + base64.b64encode(b"no colon").decode(), "Bearer abc", "Basic /w=="]
)
async def test_a_broken_authorization_header_is_no_one(stranger: httpx.AsyncClient, header: str) -> None:
    response = await stranger.get("/api/v1/agents", headers={"authorization": header})
    assert response.json()["code"] == "sign-in-needed"
    assert response.headers["www-authenticate"].startswith("Basic ")


async def test_session_cookie_is_kept_from_scripts_and_other_sites(hub: Stage, stranger: httpx.AsyncClient) -> None:
    response = await sign_in(stranger)
    assert (response.status_code, response.headers["location"]) == (303, "/")
    cookie = response.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert (await stranger.get("/api/v1/agents")).status_code == 200
    assert (NAME, "signed_in") in [row[:2] for row in await hub.audited()]


async def test_signing_out_ends_the_session_itself(hub: Stage, stranger: httpx.AsyncClient) -> None:
    await sign_in(stranger)
    token = stranger.cookies[COOKIE]
    assert (await stranger.post("/logout", headers=ORIGIN)).status_code == 303
    stranger.cookies.set(COOKIE, token)
    assert (await stranger.get("/api/v1/agents")).status_code == 401
    assert (NAME, "signed_out") in [row[:2] for row in await hub.audited()]


async def test_a_session_unused_for_hours_is_over(hub: Stage, stranger: httpx.AsyncClient) -> None:
    await sign_in(stranger)
    hub.clock.advance(IDLE_SECONDS_MAX + 1)
    assert (await stranger.get("/api/v1/agents")).status_code == 401


async def test_wrong_passwords_are_told_audited_and_slowed_down(hub: Stage, stranger: httpx.AsyncClient) -> None:
    statuses = [(await sign_in(stranger, f"guess {number}")).status_code for number in range(6)]
    assert statuses == [401, 401, 401, 401, 429, 429]
    assert (await sign_in(stranger)).status_code == 429
    hub.clock.advance(2)
    assert (await sign_in(stranger)).status_code == 303
    assert [row[1] for row in await hub.audited()].count("sign_in_refused") == 4


async def test_basic_is_slowed_down_too(hub: Stage, stranger: httpx.AsyncClient) -> None:
    answers = [await stranger.get("/api/v1/agents", auth=(NAME, f"guess {number}")) for number in range(5)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 401, 429]
    assert int(answers[-1].headers["retry-after"]) >= 1


async def test_nobodys_name_is_refused_alike(stranger: httpx.AsyncClient) -> None:
    first = await stranger.get("/api/v1/agents", auth=("nobody", "x"))
    second = await stranger.get("/api/v1/agents", auth=(NAME, "x"))
    assert first.json() == second.json()
