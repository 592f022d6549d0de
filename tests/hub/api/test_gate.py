"""Who comes in, and what no other site can do."""

import base64

import httpx
import pytest

from tests.hub.api.stage import NAME, PASSWORD, Stage
from vigie_hub.api.authentication import COOKIE
from vigie_hub.api.gate import BODY_BYTES_MAX
from vigie_hub.api.sessions import IDLE_SECONDS_MAX

ORIGIN = {"origin": "http://hub.test"}


async def test_every_address_is_shut_but_the_named_ones(hub: Stage, stranger: httpx.AsyncClient) -> None:
    operations = {(method.upper(), path) for path, item in (await _contract(hub))["paths"].items() for method in item}
    page = {("GET", path) for path in ("/", "/fragments/alerts", "/fragments/viewer/x", "/api/docs", "/nowhere")}
    for method, path in operations | page | {("GET", "/api/v1/openapi.json"), ("POST", "/logout")}:
        response = await stranger.request(method, path.replace("{", "").replace("}", ""))
        assert (response.status_code, response.json()["code"]) == (401, "sign-in-needed"), (method, path)
    assert len(operations) >= 12


async def _contract(hub: Stage) -> dict[str, dict[str, dict[str, object]]]:
    async with hub.client() as script:
        contract: dict[str, dict[str, dict[str, object]]] = (await script.get("/api/v1/openapi.json")).json()
    return contract


async def test_health_and_sign_in_are_open(stranger: httpx.AsyncClient) -> None:
    assert (await stranger.get("/healthz")).json() == {"status": "ok"}
    assert (await stranger.get("/login")).status_code == 200
    assert (await stranger.get("/static/vigie.css")).status_code == 200


@pytest.mark.parametrize("host", ["hub.test/login?", "hub.test/static/?x="])
async def test_a_crafted_host_header_opens_nothing(stranger: httpx.AsyncClient, host: str) -> None:
    assert (await stranger.get("/api/v1/agents", headers={"host": host})).status_code == 401


async def test_static_prefix_leads_nowhere_else(stranger: httpx.AsyncClient) -> None:
    for path in ("/static/../api/v1/agents", "/static/%2e%2e/api/v1/agents", "/static/..%2f..%2fpages.py"):
        assert (await stranger.get(path)).status_code in (401, 404)


async def test_a_browser_is_led_to_the_sign_in_page(stranger: httpx.AsyncClient) -> None:
    response = await stranger.get("/", headers={"accept": "text/html"})
    assert (response.status_code, response.headers["location"]) == (303, "/login")


async def test_a_script_comes_in_by_basic(script: httpx.AsyncClient) -> None:
    assert (await script.get("/api/v1/agents")).status_code == 200


@pytest.mark.parametrize(
    "header", ["Basic", "Basic !!!", "Basic " + base64.b64encode(b"no colon").decode(), "Bearer abc", "Basic /w=="]
)
async def test_a_broken_authorization_header_is_no_one(stranger: httpx.AsyncClient, header: str) -> None:
    response = await stranger.get("/api/v1/agents", headers={"authorization": header})
    assert response.json()["code"] == "sign-in-needed"
    assert response.headers["www-authenticate"].startswith("Basic ")


async def test_a_browser_gets_no_dialog_of_its_own(stranger: httpx.AsyncClient) -> None:
    response = await stranger.get("/api/v1/agents", headers={"sec-fetch-mode": "cors"})
    assert response.headers["www-authenticate"].startswith("Session ")


async def _sign_in(client: httpx.AsyncClient, password: str = PASSWORD) -> httpx.Response:
    return await client.post("/login", data={"name": NAME, "password": password}, headers=ORIGIN)


async def test_session_cookie_is_kept_from_scripts_and_other_sites(hub: Stage, stranger: httpx.AsyncClient) -> None:
    response = await _sign_in(stranger)
    assert (response.status_code, response.headers["location"]) == (303, "/")
    cookie = response.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert (await stranger.get("/api/v1/agents")).status_code == 200
    assert (NAME, "signed_in") in [row[:2] for row in await hub.audited()]


async def test_signing_out_ends_the_session_itself(hub: Stage, stranger: httpx.AsyncClient) -> None:
    await _sign_in(stranger)
    token = stranger.cookies[COOKIE]
    assert (await stranger.post("/logout", headers=ORIGIN)).status_code == 303
    stranger.cookies.set(COOKIE, token)
    assert (await stranger.get("/api/v1/agents")).status_code == 401
    assert (NAME, "signed_out") in [row[:2] for row in await hub.audited()]


async def test_a_session_unused_for_hours_is_over(hub: Stage, stranger: httpx.AsyncClient) -> None:
    await _sign_in(stranger)
    hub.clock.advance(IDLE_SECONDS_MAX + 1)
    assert (await stranger.get("/api/v1/agents")).status_code == 401


async def test_wrong_passwords_are_told_audited_and_slowed_down(hub: Stage, stranger: httpx.AsyncClient) -> None:
    statuses = [(await _sign_in(stranger, f"guess {number}")).status_code for number in range(6)]
    assert statuses == [401, 401, 401, 401, 429, 429]
    assert (await _sign_in(stranger)).status_code == 429
    hub.clock.advance(2)
    assert (await _sign_in(stranger)).status_code == 303
    assert [row[1] for row in await hub.audited()].count("sign_in_refused") == 4


async def test_basic_is_slowed_down_too(hub: Stage, stranger: httpx.AsyncClient) -> None:
    answers = [await stranger.get("/api/v1/agents", auth=(NAME, f"guess {number}")) for number in range(5)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 401, 429]
    assert int(answers[-1].headers["retry-after"]) >= 1


async def test_nobodys_name_is_refused_alike(stranger: httpx.AsyncClient) -> None:
    first = await stranger.get("/api/v1/agents", auth=("nobody", "x"))
    second = await stranger.get("/api/v1/agents", auth=(NAME, "x"))
    assert first.json() == second.json()


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.test"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"origin": "http://hub.test", "sec-fetch-site": "same-site"},
    ],
)
async def test_another_site_can_change_nothing(
    hub: Stage, script: httpx.AsyncClient, stranger: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    await _sign_in(stranger)
    wish = {"text": "12345|أ|6", "reason": "planted"}
    for client in (script, stranger):
        response = await client.post("/api/v1/hotlist", json=wish, headers=headers)
        assert (response.status_code, response.json()["code"]) == (403, "foreign-origin")
    assert (await stranger.post("/login", headers=headers)).status_code == 403
    assert (await script.get("/api/v1/hotlist")).json()["items"] == []


async def test_a_cookie_without_origin_can_change_nothing(stranger: httpx.AsyncClient) -> None:
    await _sign_in(stranger)
    response = await stranger.post("/api/v1/hotlist", json={"text": "12345|أ|6", "reason": "x"})
    assert response.json()["code"] == "foreign-origin"


async def test_a_huge_body_is_refused_before_it_is_read(stranger: httpx.AsyncClient) -> None:
    response = await stranger.post("/login", content=b"x" * (BODY_BYTES_MAX + 1))
    assert (response.status_code, response.json()["code"]) == (413, "too-large")


async def test_pages_carry_a_strict_policy(script: httpx.AsyncClient) -> None:
    for path in ("/", "/login", "/api/v1/agents", "/static/vigie.js", "/nowhere"):
        headers = (await script.get(path)).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == ("no-cache" if path.startswith("/static/") else "no-store")
