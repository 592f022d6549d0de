"""What the agent reads in an offer, from the request over HTTP on: real API, queue, puller and nats-server."""

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import httpx
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.hub.api.stage import NAME, PASSWORD, stage
from vigie_hub.api.application import create_api
from vigie_hub.archive.files import Archive
from vigie_hub.video.pull.puller import Puller
from vigie_hub.video.pull.pulls import PullQueue
from vigie_shared.commands import Refused
from vigie_shared.signaling import ClipWanted, Offer


@pytest.mark.parametrize(
    ("hold", "asked", "told"),
    [
        (None, {}, "clip"),
        ("pin", {}, "clip"),
        (None, {"waiting": False}, "bulk"),
        ("pin", {"waiting": False}, "evidence"),
        ("legal", {"waiting": False}, "evidence"),
        ("released", {"waiting": False}, "bulk"),
    ],
)
async def test_an_offer_says_who_waits_for_the_clip(
    connection: Client, archive: Archive, tmp_path: Path, hold: str | None, asked: dict[str, Any], told: str
) -> None:
    offers: asyncio.Queue[ClipWanted] = asyncio.Queue()

    async def take(message: Msg) -> None:
        offer = Offer.model_validate_json(message.data)
        assert isinstance(offer.wanted, ClipWanted)
        offers.put_nowait(offer.wanted)
        await message.respond(Refused(reason="no such clip").model_dump_json().encode())

    subscription = await connection.subscribe("c.gate.sig.*", cb=take)
    async with stage(tmp_path) as hub, asyncio.TaskGroup() as group:
        _alert_id, clip_id = await hub.hit()
        if hold is not None:
            kind = "pin" if hold == "released" else hold
            await hub.services.holds.ask(clip_id, kind, True, "case 114", NAME)  # type: ignore[arg-type]
        if hold == "released":
            await hub.services.holds.ask(clip_id, "pin", False, "closed", NAME)
        queue = PullQueue(hub.database, Puller(connection, archive))
        running = group.create_task(queue.run())
        api = create_api(dataclasses.replace(hub.services, pulls=queue))
        login = httpx.BasicAuth(NAME, PASSWORD)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(api), base_url="http://hub.test", auth=login
        ) as script:
            answer = await script.post(f"/api/v1/clips/{clip_id}/pull", params=asked)
        assert answer.status_code == 202
        async with asyncio.timeout(20):
            wanted = await offers.get()
        running.cancel()
    await subscription.unsubscribe()
    assert (wanted.clip_id, wanted.priority) == (clip_id, told)
