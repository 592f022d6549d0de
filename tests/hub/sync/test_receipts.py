import asyncio
from pathlib import Path

from tests.hub.agents import EPOCH, NOON, batch, plate_read, until
from tests.hub.site import Site, open_site
from tests.servers.nats_server import settled
from vigie_hub.sync.projector import project
from vigie_hub.sync.receipts import REST_SECONDS, Standing
from vigie_shared.receipts import Envelope, Receipt, WatermarkQuestion


def opened(payload: bytes) -> Receipt:
    return Receipt.model_validate_json(Envelope.model_validate_json(payload).body)


async def answered(site: Site, payload: bytes) -> Receipt | None:
    message = await site.agents[0].client.request("w.gate-1", payload, timeout=10)
    return opened(message.data)


async def test_answer_names_the_epoch_that_was_asked_for(tmp_path: Path) -> None:
    async with open_site(tmp_path, "gate-1") as site, site.agents[0].connected(site.server.url):
        await site.receipts.listen()
        await settled(site.connection.client)
        await site.database.write(lambda connection: project(connection, batch([plate_read()]), NOON))
        for epoch, watermarks in ((EPOCH, {"lpr": 1}), ("f" * 22, {})):
            receipt = await answered(site, WatermarkQuestion(epoch=epoch).model_dump_json().encode())
            assert receipt is not None
            assert (receipt.epoch, receipt.watermarks, receipt.issued_at) == (epoch, watermarks, NOON)


async def test_malformed_question_gets_no_answer_and_stops_nothing(tmp_path: Path) -> None:
    async with open_site(tmp_path, "gate-1") as site, site.agents[0].connected(site.server.url) as agent:
        await site.receipts.listen()
        await settled(site.connection.client)
        for payload in (b"", b"\xff", b'{"epoch": "short"}', b" " * 5000):
            await agent.client.publish("w.gate-1", payload, reply="_I.gate-1.x")
        assert await answered(site, WatermarkQuestion(epoch=EPOCH).model_dump_json().encode()) is not None


async def test_receipt_for_an_absent_server_is_dropped_in_silence(tmp_path: Path) -> None:
    async with open_site(tmp_path, "gate-1") as site:
        await asyncio.to_thread(site.server.kill)
        await until(lambda: _away(site))
        await site.receipts.push(Standing("gate-1", EPOCH, {"lpr": 1}), 0.0)


async def test_receipts_that_follow_quickly_become_one_and_none_goes_back(tmp_path: Path) -> None:
    async with open_site(tmp_path, "gate-1") as site, site.agents[0].connected(site.server.url) as agent:
        told = await agent.client.subscribe("c.gate-1.wm")
        await settled(agent.client)
        for seconds, seq in ((0.0, 1), (0.1, 2), (0.9, 3)):
            await site.receipts.push(Standing("gate-1", EPOCH, {"lpr": seq}), seconds)
            await site.receipts.push_waiting(seconds)
        await site.receipts.push_waiting(REST_SECONDS)
        await site.receipts.push_waiting(2 * REST_SECONDS)
        await site.receipts.push(Standing("gate-1", EPOCH, {"lpr": 4}), 2 * REST_SECONDS, at_once=True)
        await site.receipts.push(Standing("gate-1", EPOCH, {"lpr": 3, "hit": 1}), 9 * REST_SECONDS)
        await settled(site.connection.client)
        assert [opened((await told.next_msg(5)).data).watermarks["lpr"] for _receipt in range(3)] == [1, 3, 4]
        await settled(agent.client)
        assert told.pending_msgs == 0


async def _away(site: Site) -> bool:
    return not site.connection.client.is_connected
