"""A session's messages pass uvicorn both ways, over TLS, no faster than they are taken; its end is heard at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.hub.video.agents import AGENT_ID
from tests.hub.video.tcp import open_gate
from vigie_agent.video.clips import tcp_road
from vigie_hub.keys import PublicKey
from vigie_hub.video.pull import door
from vigie_shared import signaling
from vigie_shared.errors import TransferError, WireError
from vigie_shared.transfer import FRAME_BYTES_MAX

SESSION_ID = "a" * 22
LONG_SECONDS = 60.0


@asynccontextmanager
async def met(folder: Path) -> AsyncIterator[tuple[door.TcpPeer, tcp_road.TcpPeer]]:
    """The hub's end and the agent's, of one session."""
    async with open_gate(folder) as gate:
        key = PublicKey(gate.key.public_key)
        async with gate.door.awaiting(SESSION_ID, AGENT_ID, key) as awaited:
            way = signaling.Door(secret=awaited.secret)
            async with gate.road().dialled(SESSION_ID, way, LONG_SECONDS) as agent:
                await awaited.peer.opened(LONG_SECONDS, asyncio.create_task(asyncio.sleep(0, "answered")))
                yield awaited.peer, agent


async def taken(hub: door.TcpPeer, count: int) -> list[str | bytes]:
    messages: list[str | bytes] = []
    while len(messages) < count:
        messages += await hub.receive(LONG_SECONDS)
    return messages


async def test_messages_pass_both_ways_in_order(tmp_path: Path) -> None:
    sent: list[str | bytes] = ["a word", b"bytes", bytes(FRAME_BYTES_MAX), "é", b"", b"the end"]
    async with met(tmp_path) as (hub, agent):
        for message in sent:
            await agent.send(message)
        assert await taken(hub, len(sent)) == sent
        hub.send("one")
        hub.send("two")
        assert [await agent.receive(), await agent.receive()] == ["one", "two"]


async def test_a_hub_that_takes_nothing_is_sent_no_more_than_it_holds(tmp_path: Path) -> None:
    count, frame = 64, bytes(FRAME_BYTES_MAX)
    async with met(tmp_path) as (hub, agent):

        async def send() -> None:
            for _ in range(count):
                await agent.send(frame)

        sending = asyncio.create_task(send())
        async with asyncio.timeout(LONG_SECONDS):
            while not hub._is_held:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert hub._held_bytes <= door._HELD_BYTES_MAX + FRAME_BYTES_MAX
        assert await taken(hub, count) == [frame] * count
        await sending


async def test_what_came_before_the_agent_left_is_taken_first(tmp_path: Path) -> None:
    async with met(tmp_path) as (hub, agent):
        await agent.send("last words")
        agent._writer.write(b"0\r\n\r\n")
        assert await hub.receive(LONG_SECONDS) == ["last words"]
        with pytest.raises(TransferError, match="closed the connection"):
            await hub.receive(LONG_SECONDS)


async def test_an_agent_that_is_cut_off_is_missed_at_once(tmp_path: Path) -> None:
    async with met(tmp_path) as (hub, agent):
        agent._writer.transport.abort()
        with pytest.raises(TransferError, match="closed the connection"):
            await hub.receive(LONG_SECONDS)


async def test_what_is_no_message_or_no_chunk_ends_the_session(tmp_path: Path) -> None:
    async with met(tmp_path / "message") as (hub, agent):
        agent._writer.write(b"5\r\nx\0\0\0\1\r\n")
        with pytest.raises(WireError, match="no known kind"):
            await hub.receive(LONG_SECONDS)
    async with met(tmp_path / "chunk") as (hub, agent):
        agent._writer.write(b"no chunk\r\n")
        with pytest.raises(TransferError, match="closed the connection"):
            await hub.receive(LONG_SECONDS)
