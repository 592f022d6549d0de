"""Offers to agents over NATS, and their answers."""

import nats.errors
from nats.aio.client import Client
from pydantic import ValidationError

from vigie_shared import subjects
from vigie_shared.commands import Refused
from vigie_shared.errors import LinkError, TransferError, WireError
from vigie_shared.i18n import gettext as _
from vigie_shared.signaling import OFFER_REPLY, Answer, Offer


class AwayError(LinkError):
    """The agent is not connected: nothing helps but that it comes back."""


class OfferRefusedError(TransferError):
    """The agent will not; `retryable` says whether asking again helps."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.reason)
        self.retryable = refused.retryable
        self.after_seconds = refused.after_seconds


async def ask_agent(client: Client, agent_id: str, offer: Offer, seconds: float) -> Answer:
    """The agent's answer. Raises AwayError, LinkError, WireError, OfferRefusedError."""
    subject = subjects.signaling(agent_id, offer.session_id)
    try:
        message = await client.request(subject, offer.model_dump_json().encode(), timeout=seconds)
        reply = OFFER_REPLY.validate_json(message.data)
    except nats.errors.NoRespondersError as error:
        raise AwayError(_("agent {agent_id} is not connected").format(agent_id=agent_id)) from error
    except nats.errors.Error as error:
        raise LinkError(_("agent {agent_id} does not answer").format(agent_id=agent_id)) from error
    except ValidationError as error:
        raise WireError(_("agent {agent_id} answered what the hub does not know").format(agent_id=agent_id)) from error
    if isinstance(reply, Refused):
        raise OfferRefusedError(reply)
    return reply
