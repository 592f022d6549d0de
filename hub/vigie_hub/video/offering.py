"""Offers to agents over NATS, and their answers."""

import asyncio
from typing import Final

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from pydantic import ValidationError

from vigie_shared import subjects
from vigie_shared.commands import Refused
from vigie_shared.errors import LinkError, TransferError, WireError
from vigie_shared.i18n import gettext as _
from vigie_shared.signaling import OFFER_REPLY, Answer, Offer

REPEAT_SECONDS: Final = 2.5
"""Longer than an agent needs to answer, but for the slowest links."""
REPEATS_MAX: Final = 3


class AwayError(LinkError):
    """The agent is not connected: nothing helps but that it comes back."""


class OfferRefusedError(TransferError):
    """The agent will not; `retryable` says whether asking again helps."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.reason)
        self.retryable = refused.retryable
        self.after_seconds = refused.after_seconds


async def ask_agent(client: Client, agent_id: str, offer: Offer, seconds: float) -> Answer:
    """The agent's answer. Raises AwayError, LinkError, WireError, OfferRefusedError.

    An agent that came back at another address has a connection that nobody reads any more, for as long as nats-server
    believes in it; an offer that went there is lost. So it is repeated, and the agent takes the first that it gets.
    """
    request, asked = offer.model_dump_json().encode(), set[asyncio.Task[Msg]]()
    subject = subjects.signaling(agent_id, offer.session_id)
    until = asyncio.get_running_loop().time() + seconds
    try:
        for number in range(1 + REPEATS_MAX):
            left = until - asyncio.get_running_loop().time()
            asked.add(asyncio.create_task(client.request(subject, request, timeout=max(left, 0.001))))
            wait = REPEAT_SECONDS if number < REPEATS_MAX else None
            if done := (await asyncio.wait(asked, timeout=wait, return_when=asyncio.FIRST_COMPLETED))[0]:
                break
        reply = OFFER_REPLY.validate_json((await done.pop()).data)
    except nats.errors.NoRespondersError as error:
        raise AwayError(_("agent {agent_id} is not connected").format(agent_id=agent_id)) from error
    except nats.errors.Error as error:
        raise LinkError(_("agent {agent_id} does not answer").format(agent_id=agent_id)) from error
    except ValidationError as error:
        raise WireError(_("agent {agent_id} answered what the hub does not know").format(agent_id=agent_id)) from error
    finally:
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
    if isinstance(reply, Refused):
        raise OfferRefusedError(reply)
    return reply
