"""Asks an agent for one still, and believes nothing of the answer that it has not checked."""

from dataclasses import dataclass
from typing import Final

import nats.errors
from nats.aio.client import Client

from vigie_hub.video.offering import AwayError, OfferRefusedError
from vigie_hub.video.stills.jpeg import check_jpeg
from vigie_shared import subjects
from vigie_shared.commands import Refused
from vigie_shared.errors import LinkError, WireError
from vigie_shared.i18n import gettext as _
from vigie_shared.stills import PATIENCE_SECONDS, Still, StillWish, decode_reply

ANSWER_SECONDS: Final = PATIENCE_SECONDS + 4.0


@dataclass(frozen=True, slots=True)
class CheckedStill:
    """A picture, and its size as it says itself."""

    still: Still
    width_px: int
    height_px: int


async def ask_still(client: Client, agent_id: str, wish: StillWish) -> CheckedStill:
    """The next picture. Raises AwayError, LinkError, WireError, OfferRefusedError."""
    try:
        message = await client.request(
            subjects.still(agent_id), wish.model_dump_json(exclude_none=True).encode(), timeout=ANSWER_SECONDS
        )
        said = decode_reply(message.data)
        size = None if isinstance(said, Refused) else check_jpeg(said.jpeg)
    except nats.errors.NoRespondersError as error:
        raise AwayError(
            _("agent {agent_id} is not connected, or too old to give single pictures: update it").format(
                agent_id=agent_id
            )
        ) from error
    except nats.errors.Error as error:
        raise LinkError(_("agent {agent_id} does not answer").format(agent_id=agent_id)) from error
    except WireError as error:
        raise WireError(_("agent {agent_id} answered what the hub does not know").format(agent_id=agent_id)) from error
    if isinstance(said, Refused):
        raise OfferRefusedError(said)
    assert size is not None
    return CheckedStill(said, *size)


async def forget_stills(client: Client, agent_id: str, camera_id: str) -> None:
    """Nobody looks any more: the agent need not wait until it is asked for nothing."""
    wish = StillWish(camera_id=camera_id, viewers=0)
    try:
        await client.publish(subjects.still(agent_id), wish.model_dump_json(exclude_none=True).encode())
    except nats.errors.Error:  # its lease ends by itself
        return
