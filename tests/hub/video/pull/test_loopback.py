"""Hub and agent on one machine find each other, network or not."""

import ifaddr
import pytest
from nats.aio.client import Client

from tests.hub.video.agents import AGENT_ID, CLIP, CLIP_ID, SHA256, Clips, answering
from vigie_hub.archive.files import Archive
from vigie_hub.video.pull.peer import OfferingPeer
from vigie_hub.video.pull.puller import Puller


async def test_a_machine_without_a_network_pulls_over_loopback(
    connection: Client, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ifaddr, "get_adapters", list)
    async with answering(connection, Clips()):
        clip = await Puller(connection, archive).pull(AGENT_ID, CLIP_ID, len(CLIP), SHA256)
    assert clip.received_bytes == len(CLIP)


async def test_loopback_is_not_offered_where_there_is_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = ifaddr.Adapter("eth0", "eth0", [ifaddr.IP("127.0.0.1", 8, "lo"), ifaddr.IP("127.0.0.2", 8, "eth0")])
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: [adapter])
    async with OfferingPeer("any") as peer:
        offer = await peer.offer()
    assert " 127.0.0.2 " in offer
    assert " 127.0.0.1 " not in offer.replace("IN IP4 127.0.0.1", "")
