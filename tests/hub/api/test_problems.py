"""Errors are problem details, in the reader's language."""

import httpx
import pytest

from tests.hub.api.stage import NAME, PASSWORD, Stage


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1/alerts/none", 404, "no-such-alert"),
        ("/api/v1/alerts/none/crop.jpg", 404, "no-such-alert"),
        ("/api/v1/clips/none", 404, "no-such-clip"),
        ("/api/v1/nothing", 404, "not-found"),
        ("/fragments/nothing", 404, "not-found"),
        ("/api/v1/events?limit=0", 422, "bad-request"),
        ("/api/v1/events?after=-1", 422, "bad-request"),
        ("/api/v1/events?cursor=zzz", 400, "bad-cursor"),
        ("/api/v1/events?cursor=%F0%9F%98%80", 400, "bad-cursor"),
        ("/api/v1/clips?cursor=WzFd", 400, "bad-cursor"),
        ("/api/v1/alerts?cursor=" + "A" * 500, 400, "bad-cursor"),
    ],
)
async def test_problems_are_problem_details(script: httpx.AsyncClient, path: str, status: int, code: str) -> None:
    response = await script.get(path)
    problem = response.json()
    assert (response.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["type"] == f"/api/docs#{code}"
    assert problem["title"]


async def test_problems_speak_the_readers_language(script: httpx.AsyncClient) -> None:
    response = await script.get("/api/v1/clips/none", headers={"accept-language": "ar-MA, fr;q=0.8"})
    assert response.json()["title"] == "لا يوجد مقطع كهذا"
    assert (await script.delete("/api/v1/agents", headers={"accept-language": "fr"})).json()["code"] == "not-allowed"


async def test_a_failure_of_the_hub_is_a_problem_without_its_inside(hub: Stage) -> None:
    await hub.database.write(lambda connection: connection.execute("UPDATE agents SET heartbeat = 'x'").rowcount)
    await hub.enrol("gate")
    await hub.database.write(lambda connection: connection.execute("UPDATE agents SET heartbeat = '{}'").rowcount)
    transport = httpx.ASGITransport(hub.api, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub.test", auth=(NAME, PASSWORD)) as script:
        response = await script.get("/api/v1/agents")
    assert (response.status_code, response.json()["code"]) == (500, "internal-error")
    assert "epoch" not in response.text
