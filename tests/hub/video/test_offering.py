"""Offers to agents over a real nats-server: repeated where they were lost, answered once."""

import asyncio

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.hub.video.agents import AGENT_ID, CLIP_ID
from vigie_hub.video import offering
from vigie_hub.video.offering import REPEATS_MAX, AwayError, OfferRefusedError, ask_agent
from vigie_shared import subjects
from vigie_shared.commands import Refused
from vigie_shared.errors import LinkError, WireError
from vigie_shared.signaling import Answer, ClipWanted, Offer

OFFER = Offer(session_id="0123456789abcdef012345", sdp="v=0", wanted=ClipWanted(clip_id=CLIP_ID))
SECONDS = 30.0


class Agent:
    """Answers what it is asked for the `first`th time, and not before."""

    def __init__(self, reply: str, first: int = 1) -> None:
        self.asked = 0
        self._reply, self._first = reply, first

    async def hear(self, message: Msg) -> None:
        self.asked += 1
        assert Offer.model_validate_json(message.data) == OFFER
        if self.asked == self._first:
            await message.respond(self._reply.encode())


async def ask(connection: Client, agent: Agent, seconds: float = SECONDS) -> Answer:
    subscription = await connection.subscribe(subjects.all_signaling(AGENT_ID), cb=agent.hear)
    try:
        return await ask_agent(connection, AGENT_ID, OFFER, seconds)
    finally:
        await subscription.unsubscribe()


async def test_an_offer_that_was_lost_is_answered_when_it_is_repeated(
    connection: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offering, "REPEAT_SECONDS", 0.05)
    agent = Agent(Answer(sdp="v=0").model_dump_json(), first=3)
    assert await ask(connection, agent) == Answer(sdp="v=0")


async def test_one_that_is_answered_is_not_repeated(connection: Client) -> None:
    agent = Agent(Answer(sdp="v=0").model_dump_json())
    assert await ask(connection, agent) == Answer(sdp="v=0")
    assert agent.asked == 1


async def test_nobody_is_asked_for_ever(connection: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offering, "REPEAT_SECONDS", 0.01)
    agent = Agent("", first=100)
    with pytest.raises(LinkError, match="does not answer"):
        await ask(connection, agent, seconds=0.3)
    assert 1 <= agent.asked <= 1 + REPEATS_MAX


async def test_an_agent_that_is_not_connected_is_away(connection: Client) -> None:
    with pytest.raises(AwayError, match="not connected"):
        await asyncio.wait_for(ask_agent(connection, AGENT_ID, OFFER, SECONDS), SECONDS)


async def test_a_refusal_says_whether_to_ask_again(connection: Client) -> None:
    with pytest.raises(OfferRefusedError) as caught:
        await ask(connection, Agent(Refused(reason="busy", retryable=True).model_dump_json()))
    assert caught.value.retryable


async def test_what_is_no_reply_is_said_so(connection: Client) -> None:
    with pytest.raises(WireError):
        await ask(connection, Agent("{}"))
