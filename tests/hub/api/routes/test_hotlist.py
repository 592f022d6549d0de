"""The hotlist."""

from typing import Any

import httpx
import pytest

from tests.hub.api.stage import NAME, PLATE, Stage


async def test_hotlist_is_edited_audited_and_told(hub: Stage, script: httpx.AsyncClient) -> None:
    with hub.services.feed.subscribe() as subscription:
        added = await script.post("/api/v1/hotlist", json={"text": " 12345 | A | 6 ", "reason": "Stolen"})
        assert await subscription.changes(1.0) == {"hotlist"}
    assert (added.status_code, added.json()["text"], added.json()["added_by"]) == (201, PLATE, NAME)
    entry_id = added.json()["entry_id"]
    assert (await script.delete(f"/api/v1/hotlist/{entry_id}")).status_code == 204
    assert (await script.get("/api/v1/hotlist")).json()["items"] == []
    assert (await script.delete(f"/api/v1/hotlist/{entry_id}")).json()["code"] == "no-such-entry"
    assert [row[1] for row in await hub.audited() if row[0] == NAME] == ["hotlist_added", "hotlist_removed"]


@pytest.mark.parametrize(
    "wish",
    [{"text": "|||", "reason": "x"}, {"text": "", "reason": "x"}, {"text": "1A1", "reason": " "}, {"text": "1A1"}, []],
)
async def test_unusable_hotlist_wish_is_a_problem(script: httpx.AsyncClient, wish: Any) -> None:
    response = await script.post("/api/v1/hotlist", json=wish)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"]
