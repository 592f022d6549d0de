"""A real link between two namespaces; skipped where the machine does not allow them."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE

from tests.links.datagrams import HEADER_BYTES
from tests.links.emulated import Link, emulated_link

PROBE = (sys.executable, "-m", "tests.links.datagrams")
BYTES = 1000


async def probe(link: Link, count: int) -> tuple[float, list[tuple[int, float]]]:
    """Send so many at once to the far side: when, and what came when."""
    receiver = await link.far.start(*PROBE, "receive", "5000", "0.5", stdout=PIPE)
    assert receiver.stdout is not None
    assert await receiver.stdout.readline() == b"ready\n"
    began = float(await link.near.run(*PROBE, "send", link.far.address, "5000", str(count), str(BYTES)))
    came, _ = await receiver.communicate()
    return began, [(number, at) for number, at in json.loads(came)]


async def test_nothing_is_faster_than_the_rate_and_the_delay() -> None:
    async with emulated_link(4e6, 0.06) as link:
        began, came = await probe(link, 30)
    assert [number for number, _at in came] == list(range(30))
    for number, at in came:
        assert at - began >= 0.03 + (number + 1) * BYTES * 8 / 4e6


async def test_the_queue_drops_its_tail() -> None:
    async with emulated_link(100e3, 0.02, queue_bytes=10_000) as link:
        _began, came = await probe(link, 40)
        forth, _back = await link.counts()
    assert [number for number, _at in came][:11] == list(range(11))  # one on the line, ten in the queue
    assert forth.dropped_packets == 40 - len(came) > 20
    assert forth.queue_bytes_max == 10_000


async def test_a_seed_loses_the_same_datagrams_again() -> None:
    lost = []
    for _ in range(2):
        async with emulated_link(50e6, 0.01, loss=0.2, seed=5, queue_bytes=300_000) as link:
            _began, came = await probe(link, 200)
            lost.append(set(range(200)) - {number for number, _at in came})
    assert 20 <= len(lost[0]) <= 60
    assert lost[0] == lost[1]


async def test_a_link_can_be_cut_and_mended() -> None:
    async with emulated_link(10e6, 0.01) as link:
        await link.change(loss=1.0)
        await link.near.run(*PROBE, "send", link.far.address, "5000", "5", str(BYTES))
        await link.change(loss=0.0)
        _began, came = await probe(link, 5)
        forth, back = await link.counts()
    assert len(came) == 5
    assert forth.lost_packets + forth.arrived_packets == forth.entered_packets
    assert forth.lost_packets >= 1
    assert back.lost_packets == 0


async def test_only_the_two_ends_can_be_reached() -> None:
    async with emulated_link(10e6, 0.01) as link:
        devices = await link.near.run("ip", "-brief", "address")
        names = {line.split()[0] for line in devices.splitlines()}
    assert names == {"lo", "link0"}
    assert HEADER_BYTES == 20 + 8


async def test_links_side_by_side_do_not_meet() -> None:
    async with emulated_link(10e6, 0.01) as one, emulated_link(10e6, 0.01) as other:
        (_began, came), (_other_began, also) = await asyncio.gather(probe(one, 10), probe(other, 10))
        assert (await one.counts())[0].entered_packets == (await other.counts())[0].entered_packets == 10
    assert len(came) == len(also) == 10
