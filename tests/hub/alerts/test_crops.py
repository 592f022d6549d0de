import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from nats.aio.msg import Msg

from tests.hub.agents import NOON, Agent, batch, plate_read, until
from tests.hub.site import Site, open_site
from tests.servers.nats_server import settled
from vigie_hub.alerts.crops import Crops
from vigie_hub.hotlists import entries
from vigie_hub.settings import AlertSettings
from vigie_hub.sync.projector import project
from vigie_shared import subjects
from vigie_shared.commands import COMMAND, CropReply, CropRequest, Refused

JPEG = b"\xff\xd8\xff\xe0 a picture"
READS = ("a" * 22, "b" * 22)


async def raise_alerts(site: Site, *read_ids: str) -> None:
    await site.database.write(lambda connection: entries.add(connection, "12345|أ|6", "stolen", "amal", NOON))
    reads = [plate_read(read_id=read_id) for read_id in read_ids]
    await site.database.write(lambda connection: project(connection, batch(reads), NOON))


async def crops_of(site: Site) -> dict[str, bytes | None]:
    rows = await site.database.read(
        lambda connection: connection.execute("SELECT read_id, crop FROM alerts").fetchall()
    )
    return {row["read_id"]: row["crop"] for row in rows}


@asynccontextmanager
async def fetching(site: Site) -> AsyncIterator[Crops]:
    crops = Crops(site.connection.client, site.database, AlertSettings(crop_timeout_seconds=5), site.told.append)
    running = asyncio.create_task(crops.run())
    try:
        yield crops
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def answer(agent: Agent, reply_to: Callable[[str], CropReply | Refused]) -> list[str]:
    """Let the agent answer; returns the list of what it is asked for."""
    asked: list[str] = []

    async def answered(message: Msg) -> None:
        wanted = COMMAND.validate_json(message.data)
        assert isinstance(wanted, CropRequest)
        asked.append(wanted.read_id)
        await message.respond(reply_to(wanted.read_id).model_dump_json().encode())

    await agent.client.subscribe(subjects.command(agent.agent_id), cb=answered)
    await settled(agent.client)
    return asked


def picture(read_id: str) -> CropReply:
    return CropReply.model_validate({"read_id": read_id, "jpeg": base64.b64encode(JPEG)})


async def test_pictures_of_hits_are_fetched(tmp_path: Path) -> None:
    async with open_site(tmp_path, "gate-1") as site, site.agents[0].connected(site.server.url) as agent:
        await answer(agent, picture)
        async with fetching(site) as crops:
            await raise_alerts(site, *READS)
            crops.visits.want("gate-1")

            async def complete() -> bool:
                return await crops_of(site) == dict.fromkeys(READS, JPEG)

            await until(complete)
        assert "alerts" in site.told


async def test_agent_that_was_away_is_asked_at_its_next_sign_of_life(tmp_path: Path) -> None:
    async with open_site(tmp_path, "gate-1") as site:
        await raise_alerts(site, READS[0])
        async with fetching(site) as crops, site.agents[0].connected(site.server.url) as agent:
            asked = await answer(agent, picture)

            async def complete() -> bool:
                crops.visits.alive("gate-1")
                return (await crops_of(site))[READS[0]] == JPEG

            await until(complete)
            assert asked == [READS[0]]


async def test_picture_that_the_agent_has_no_more_is_not_asked_for_again(tmp_path: Path) -> None:
    async with open_site(tmp_path, "gate-1") as site, site.agents[0].connected(site.server.url) as agent:
        await raise_alerts(site, *READS)

        def reply_to(read_id: str) -> CropReply | Refused:
            return Refused(reason="overwritten") if read_id == READS[0] else picture(read_id)

        asked = await answer(agent, reply_to)
        async with fetching(site) as crops:

            async def second_is_here() -> bool:
                return (await crops_of(site))[READS[1]] == JPEG

            await until(second_is_here)

            crops.visits.want("gate-1")
            await until(lambda: _idle(crops))
        assert sorted(asked) == sorted(READS)
        assert (await crops_of(site))[READS[0]] is None


async def _idle(crops: Crops) -> bool:
    return crops.visits.idle


async def test_what_is_no_picture_or_another_one_is_not_kept(tmp_path: Path) -> None:
    async with open_site(tmp_path, "gate-1") as site, site.agents[0].connected(site.server.url) as agent:
        await raise_alerts(site, *READS)

        def reply_to(read_id: str) -> CropReply | Refused:
            if read_id == READS[0]:
                return picture(READS[1])
            return CropReply.model_validate({"read_id": read_id, "jpeg": b"PGh0bWw+"})

        asked = await answer(agent, reply_to)
        async with fetching(site) as crops:

            async def both_asked() -> bool:
                return len(asked) == 2 and await _idle(crops)

            await until(both_asked)
        assert await crops_of(site) == dict.fromkeys(READS)
