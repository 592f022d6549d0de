import asyncio
import base64
import json
import sqlite3
from pathlib import Path

import nats.errors
import nats.js.errors
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.hub.agents import EPOCH, batch, plate_read, until
from tests.hub.site import Site, open_site
from tests.servers.nats_server import settled
from vigie_shared import subjects
from vigie_shared.batches import encode
from vigie_shared.keys import raw_public_key
from vigie_shared.receipts import Receipt, WatermarkQuestion, unseal


class HubKey:
    """Checks the hub's signatures as an agent does."""

    def __init__(self, public_key: str) -> None:
        self._key = Ed25519PublicKey.from_public_bytes(raw_public_key(public_key))

    def verify(self, message: bytes, signature: str) -> bool:
        self._key.verify(base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4)), message)
        return True


def opened(site: Site, payload: bytes) -> Receipt:
    return unseal(payload, HubKey(site.keys.receipts.public_key))


async def ask(site: Site, oldest: int = 0) -> Receipt:
    agent = site.agents[0]
    question = WatermarkQuestion(epoch=EPOCH, oldest={"lpr": oldest} if oldest else {})
    subject = subjects.watermark_question(agent.agent_id)
    message = await agent.client.request(subject, question.model_dump_json().encode(), timeout=10)
    return opened(site, message.data)


async def test_events_arrive_and_the_receipt_says_so(tmp_path: Path) -> None:
    async with (
        open_site(tmp_path, "gate-1") as site,
        site.agents[0].connected(site.server.url) as agent,
        site.consuming(),
    ):
        receipts = await agent.client.subscribe(subjects.watermark("gate-1"))
        await settled(agent.client)
        await agent.send(batch([plate_read(), plate_read()]))
        receipt = opened(site, (await receipts.next_msg(10)).data)
        assert (receipt.agent_id, receipt.epoch, receipt.watermarks) == ("gate-1", EPOCH, {"lpr": 2})
        assert await site.count("events") == 2
        assert "events" in site.told
        await until(site.stream_is_drained)


async def test_nothing_is_receipted_or_acknowledged_before_it_is_durable(tmp_path: Path) -> None:
    async with (
        open_site(tmp_path, "gate-1") as site,
        site.agents[0].connected(site.server.url) as agent,
        site.consuming(),
    ):
        receipts = await agent.client.subscribe(subjects.watermark("gate-1"))
        await settled(agent.client)
        lock = sqlite3.connect(tmp_path / "hub" / "hub.db", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        await agent.send(batch([plate_read()]))

        async def fetched() -> bool:
            info = await site.connection.client.jetstream().consumer_info("EVT", "projector")
            return bool(info.num_ack_pending == 1)

        await until(fetched)
        await settled(agent.client)
        assert receipts.pending_msgs == 0
        assert await fetched()
        lock.execute("ROLLBACK")
        lock.close()
        assert opened(site, (await receipts.next_msg(15)).data).watermarks == {"lpr": 1}
        await until(site.stream_is_drained)


async def test_poison_is_taken_off_the_stream_and_the_rest_goes_on(tmp_path: Path) -> None:
    async with (
        open_site(tmp_path, "gate-1") as site,
        site.agents[0].connected(site.server.url) as agent,
        site.consuming(),
    ):
        await site.receipts.listen()
        jetstream = agent.client.jetstream()
        document = json.loads(encode(batch([plate_read()], 2).model_copy(update={"schema_version": 1})))
        document["events"][0]["confidence"] = 7
        for poison in (b"\xff\x00", b"{}", json.dumps(document).encode()):
            await jetstream.publish("e.gate-1.lpr", poison)
        with pytest.raises(nats.js.errors.NoStreamResponseError):
            await jetstream.publish("e.gate-1.nolane", encode(batch([plate_read()])))
        await agent.send(batch([plate_read()]))
        await until(site.stream_is_drained)
        assert await site.count("events") == 1
        assert await site.count("dead_letters") == 3
        assert (await ask(site)).watermarks == {"lpr": 2}, "the lane goes on without what could never be taken"
        assert await site.count("missing_ranges") == 1
        await agent.send(batch([plate_read()], 2))
        await until(site.stream_is_drained)
        assert (await site.count("events"), await site.count("missing_ranges")) == (2, 0)


async def test_batch_that_claims_to_be_someone_elses_is_refused(tmp_path: Path) -> None:
    async with (
        open_site(tmp_path, "gate-1", "gate-2") as site,
        site.agents[0].connected(site.server.url) as agent,
        site.consuming(),
    ):
        await agent.client.jetstream().publish("e.gate-1.lpr", encode(batch([plate_read()], agent_id="gate-2")))
        await agent.client.jetstream().publish("e.gate-1.mot", encode(batch([plate_read()])))
        await agent.send(batch([plate_read()]))
        await until(site.stream_is_drained)
        assert await site.count("events") == 1


async def test_agent_that_is_not_enrolled_is_not_believed(tmp_path: Path) -> None:
    async with open_site(tmp_path, "gate-1", stranger="rogue") as site, site.consuming():
        await site.receipts.listen()
        async with site.agents[1].connected(site.server.url) as rogue:
            await rogue.send(batch([plate_read()], agent_id="rogue"))
            await until(site.stream_is_drained)
            assert await site.count("events") == 0
            question = WatermarkQuestion(epoch=EPOCH, oldest={"lpr": 9}).model_dump_json().encode()
            try:
                await rogue.client.request("w.rogue", question, timeout=0.3)
                raise AssertionError("a stranger got a receipt")
            except nats.errors.TimeoutError:
                pass
            assert await site.count("missing_ranges") == 0


async def test_redelivery_after_a_lost_acknowledgement_doubles_nothing(tmp_path: Path) -> None:
    async with (
        open_site(tmp_path, "gate-1") as site,
        site.agents[0].connected(site.server.url) as agent,
        site.consuming(),
    ):
        one = batch([plate_read(), plate_read()])
        for _time in range(3):
            await agent.send(one)
        await until(site.stream_is_drained)
        assert await site.count("events") == 2
        assert await site.count("plate_reads") == 2


async def test_an_agent_that_asks_learns_where_it_is(tmp_path: Path) -> None:
    async with (
        open_site(tmp_path, "gate-1") as site,
        site.agents[0].connected(site.server.url) as agent,
        site.consuming(),
    ):
        await site.receipts.listen()
        await settled(site.connection.client)
        assert (await ask(site)).watermarks == {}
        await agent.send(batch([plate_read()]))
        await until(site.stream_is_drained)
        assert (await ask(site, oldest=1)).watermarks == {"lpr": 1}
        assert await site.count("missing_ranges") == 0
        assert (await ask(site, oldest=5)).watermarks == {"lpr": 4}
        assert await site.count("missing_ranges") == 1


async def test_server_that_restarts_is_read_on(tmp_path: Path) -> None:
    async with (
        open_site(tmp_path, "gate-1") as site,
        site.agents[0].connected(site.server.url) as agent,
        site.consuming(),
    ):
        await agent.send(batch([plate_read()]))
        await until(site.stream_is_drained)
        await asyncio.to_thread(site.server.restart)
        await until(lambda: _sent(site, 2))
        await until(lambda: _has_events(site, 2))


async def test_wiped_stream_is_made_again_and_read_on(tmp_path: Path) -> None:
    async with (
        open_site(tmp_path, "gate-1") as site,
        site.agents[0].connected(site.server.url) as agent,
        site.consuming(),
    ):
        await agent.send(batch([plate_read()]))
        await until(site.stream_is_drained)
        await asyncio.to_thread(site.server.kill)
        await asyncio.to_thread(site.server.wipe)
        await asyncio.to_thread(site.server.start)
        await until(lambda: _sent(site, 2))
        await until(lambda: _has_events(site, 2))


async def _sent(site: Site, seq: int) -> bool:
    try:
        await site.agents[0].send(batch([plate_read()], seq))
    except nats.errors.Error:
        return False
    return True


async def _has_events(site: Site, count: int) -> bool:
    return await site.count("events") == count
