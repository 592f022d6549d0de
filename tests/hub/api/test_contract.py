"""The committed contract is the one that is served, and additions to it are seen in review.

Write it anew: `uv run python -m tests.hub.api.test_contract`.
"""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

import httpx

from tests.hub.api.stage import Stage, stage

FILE = Path(__file__).parents[3] / "docs/reference/openapi.json"


def _text(contract: dict[str, Any]) -> str:
    return json.dumps(contract, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


async def test_committed_contract_is_current(script: httpx.AsyncClient) -> None:
    served = (await script.get("/api/v1/openapi.json")).json()
    assert FILE.read_text(encoding="utf-8") == _text(served), "run: uv run python -m tests.hub.api.test_contract"


async def test_contract_is_openapi_3_1_with_problems_and_logins(script: httpx.AsyncClient) -> None:
    contract = (await script.get("/api/v1/openapi.json")).json()
    assert contract["openapi"].startswith("3.1")
    assert set(contract["components"]["securitySchemes"]) == {"basic", "session"}
    for item in contract["paths"].values():
        for operation in item.values():
            assert "application/problem+json" in operation["responses"]["default"]["content"]
            assert operation["description"]


async def test_description_for_people_needs_no_other_host(script: httpx.AsyncClient) -> None:
    page = (await script.get("/api/docs")).text
    assert "/api/v1/clips/{clip_id}/pull" in page
    assert 'id="not-pulled"' in page
    assert "http://" not in page
    assert "https://" not in page


async def _write() -> None:
    def save(opened: Stage) -> None:
        from vigie_hub.api.contract import contract_of

        FILE.parent.mkdir(parents=True, exist_ok=True)
        FILE.write_text(_text(contract_of(opened.api)), encoding="utf-8")

    with tempfile.TemporaryDirectory() as folder:
        async with stage(Path(folder)) as opened:
            await asyncio.to_thread(save, opened)


if __name__ == "__main__":
    asyncio.run(_write())
