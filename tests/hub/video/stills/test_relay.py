"""A relay of stills ends with its last viewer, whatever nats-py does with its question."""

import asyncio
import contextlib

import nats.errors
from nats.aio.client import Client

from vigie_hub.video.stills.relay import StillsRelay


class SwallowingClient(Client):
    """Its question loses one cancellation, as where an answer comes at the same moment (Python 3.11's `wait_for`)."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.questions = 0

    async def request(self, *_question: object, **_options: object) -> object:  # type: ignore[override]
        self.questions += 1
        self.asked.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        raise nats.errors.NoRespondersError


async def test_a_relay_ends_though_its_question_loses_the_cancellation() -> None:
    client = SwallowingClient()
    relay = StillsRelay(client, "gate", "in", "0" * 22)
    relay.join("amal")
    running = asyncio.create_task(relay.run())
    await client.asked.wait()
    relay.leave("amal")
    async with asyncio.timeout(30):
        await running
    assert relay.is_over
    assert client.questions == 1


async def test_a_relay_that_is_cancelled_leaves_no_question_behind() -> None:
    client = SwallowingClient()
    relay = StillsRelay(client, "gate", "in", "0" * 22)
    relay.join("amal")
    running = asyncio.create_task(relay.run())
    await client.asked.wait()
    before = asyncio.all_tasks()
    running.cancel()
    await asyncio.wait((running,), timeout=30)
    assert running.cancelled()
    assert asyncio.all_tasks() == before - {running} - {task for task in before if task.done()}
