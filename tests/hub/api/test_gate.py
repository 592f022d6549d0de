"""Who comes in, and what no other site can do."""

import httpx
import pytest

from tests.hub.api.stage import Stage, sign_in
from vigie_hub.api.gate import BODY_BYTES_MAX


async def test_every_address_is_shut_but_the_named_ones(hub: Stage, stranger: httpx.AsyncClient) -> None:
    operations = {(method.upper(), path) for path, item in (await _contract(hub))["paths"].items() for method in item}
    enrolment = {
        ("GET", "/api/v1/enrolment/authority"),
        ("POST", "/api/v1/enrolment"),
        ("POST", "/api/v1/enrolment/renewal"),
    }
    assert enrolment < operations
    page = {("GET", path) for path in ("/", "/fragments/alerts", "/fragments/viewer/x", "/api/docs", "/nowhere")}
    for method, path in (operations - enrolment) | page | {("GET", "/api/v1/openapi.json"), ("POST", "/logout")}:
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


async def test_a_browser_gets_no_dialog_of_its_own(stranger: httpx.AsyncClient) -> None:
    response = await stranger.get("/api/v1/agents", headers={"sec-fetch-mode": "cors"})
    assert response.headers["www-authenticate"].startswith("Session ")


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
    await sign_in(stranger)
    wish = {"text": "12345|أ|6", "reason": "planted"}
    for client in (script, stranger):
        response = await client.post("/api/v1/hotlist", json=wish, headers=headers)
        assert (response.status_code, response.json()["code"]) == (403, "foreign-origin")
    assert (await stranger.post("/login", headers=headers)).status_code == 403
    assert (await script.get("/api/v1/hotlist")).json()["items"] == []


async def test_a_cookie_without_origin_can_change_nothing(stranger: httpx.AsyncClient) -> None:
    await sign_in(stranger)
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
