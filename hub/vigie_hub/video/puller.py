"""Pulls one clip from one agent into the archive: offers, verifies, resumes, and gives up only when nothing helps."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import nats.errors
import structlog
from nats.aio.client import Client
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vigie_hub.archive.files import Archive, Part
from vigie_hub.video.peers import OfferingPeer
from vigie_hub.video.transfer import (
    GET_BYTES,
    WINDOW_BYTES,
    Action,
    Finish,
    RefusedError,
    Resume,
    Send,
    Store,
    Transfer,
)
from vigie_shared import subjects
from vigie_shared.clock import Clock, SystemClock
from vigie_shared.commands import Refused
from vigie_shared.errors import DigestError, LinkError, TransferError, VigieError, WireError
from vigie_shared.i18n import gettext as _
from vigie_shared.ids import unique_id
from vigie_shared.signaling import OFFER_REPLY, ClipWanted, Offer
from vigie_shared.transfer import CHANNEL

_HANG_UP_SECONDS: Final = 1.0
_log = structlog.get_logger(__name__)

OnProgress = Callable[[int], None]
"""Called with the bytes of the clip that are verified so far."""


class PullLimits(BaseModel):
    """How long a pull waits, and how often it tries."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    answer_seconds: float = Field(default=10.0, gt=0)
    open_seconds: float = Field(default=10.0, gt=0)
    stall_seconds: float = Field(default=5.0, gt=0)
    retry_seconds: float = Field(default=0.5, gt=0)
    """Before the second attempt; doubles with each that brought nothing, up to `retry_seconds_max`."""
    retry_seconds_max: float = Field(default=30.0, gt=0)
    wait_seconds_max: float = Field(default=600.0, gt=0)
    """Longest wait before asking again an agent that said when its link is free."""
    fruitless_attempts_max: int = Field(default=8, ge=1)
    """Attempts in a row that brought no block."""
    window_bytes: int = Field(default=WINDOW_BYTES, ge=GET_BYTES, le=512 * 1024)
    """Bytes asked for ahead; more pays only where the round trip is long and the link fast."""


@dataclass(frozen=True, slots=True)
class ArchivedClip:
    """A clip that is durable in the archive, its bytes those that the agent's event promised."""

    clip_id: str
    sha256: str
    bytes: int
    pulled_at: datetime
    pull_seconds: float
    received_bytes: int
    """What travelled for it since the pull began: less than `bytes` where an earlier pull had left some, more where
    a session broke in the middle of a block."""


@dataclass(frozen=True, slots=True)
class _Wish:
    agent_id: str
    clip_id: str
    bytes: int
    sha256: str


class Puller:
    """Any number of pulls at a time, each with its own WebRTC session."""

    def __init__(
        self,
        connection: Client,
        archive: Archive,
        *,
        clock: Clock | None = None,
        limits: PullLimits | None = None,
        ice_servers: tuple[str, ...] = (),
    ) -> None:
        self._connection = connection
        self._archive = archive
        self._clock = clock or SystemClock()
        self._limits = limits or PullLimits()
        self._ice_servers = ice_servers

    async def pull(
        self,
        agent_id: str,
        clip_id: str,
        expected_bytes: int,
        expected_sha256: str,
        on_progress: OnProgress = lambda verified_bytes: None,
    ) -> ArchivedClip:
        """Return when the clip is durable.

        Raises DigestError where the bytes are not those promised (final), RefusedError where the agent will not,
        StoreError where the disk will not, TransferError when it has tried often enough.
        """
        began = self._clock.monotonic_seconds()
        wish = _Wish(agent_id, clip_id, expected_bytes, expected_sha256)
        received_bytes = 0
        if not await asyncio.to_thread(self._archive.intact, expected_sha256):
            part = self._archive.part(expected_sha256, expected_bytes)
            try:
                await asyncio.to_thread(part.open)
                received_bytes = await self._try_until_whole(wish, part, on_progress)
                await asyncio.to_thread(part.commit)
            except DigestError:
                await asyncio.to_thread(part.discard)
                raise
            finally:
                await asyncio.to_thread(part.close)
        seconds = self._clock.monotonic_seconds() - began
        return ArchivedClip(clip_id, expected_sha256, expected_bytes, self._clock.now(), seconds, received_bytes)

    async def _try_until_whole(self, wish: _Wish, part: Part, on_progress: OnProgress) -> int:
        """Attempt after attempt; returns how many bytes of the clip arrived in all of them."""
        fruitless = best = received_bytes = 0
        while True:
            transfer = Transfer(wish.clip_id, wish.bytes, wish.sha256, self._limits.window_bytes)
            try:
                await self._attempt(wish, transfer, part, on_progress)
                return received_bytes + transfer.received_bytes
            except VigieError as error:
                if not error.retryable or isinstance(error, DigestError):
                    raise
                received_bytes += transfer.received_bytes
                if isinstance(error, RefusedError) and error.after_seconds is not None:
                    _log.info("pull_waits", clip_id=wish.clip_id, after_seconds=error.after_seconds, reason=str(error))
                    await asyncio.sleep(min(error.after_seconds, self._limits.wait_seconds_max))
                    continue
                fruitless = 0 if transfer.verified_bytes > best else fruitless + 1
                best = max(best, transfer.verified_bytes)
                if fruitless >= self._limits.fruitless_attempts_max:
                    raise TransferError(
                        _("clip {clip_id} of agent {agent_id}: {reason}; tried {count} times").format(
                            clip_id=wish.clip_id, agent_id=wish.agent_id, reason=error, count=fruitless
                        )
                    ) from error
                _log.info("pull_interrupted", clip_id=wish.clip_id, verified_bytes=best, reason=str(error))
            await asyncio.sleep(self._pause_seconds(fruitless))

    async def _attempt(self, wish: _Wish, transfer: Transfer, part: Part, on_progress: OnProgress) -> None:
        async with OfferingPeer(CHANNEL, self._ice_servers) as peer:
            session_id = unique_id(self._clock.now())
            wanted = ClipWanted(clip_id=wish.clip_id)
            offer = Offer(session_id=session_id, sdp=await peer.offer(), wanted=wanted)
            await peer.accept(await self._answer(wish.agent_id, offer), self._limits.open_seconds)
            actions, reported = transfer.start(), -1
            while not await self._do(actions, transfer, peer, part):
                if transfer.verified_bytes != reported:
                    on_progress(reported := transfer.verified_bytes)
                actions = transfer.feed(await peer.receive(self._limits.stall_seconds))
            on_progress(transfer.verified_bytes)
            await peer.hang_up(_HANG_UP_SECONDS)

    async def _do(self, actions: list[Action], transfer: Transfer, peer: OfferingPeer, part: Part) -> bool:
        """Do what the protocol asks for; True when the clip is whole."""
        for action in actions:
            match action:
                case Send(text):
                    peer.send(text)
                case Store(offset, data):
                    await asyncio.to_thread(part.write, offset, data)
                case Resume(block_bytes):
                    gets = await asyncio.to_thread(lambda: transfer.resume(part.blocks(block_bytes)))
                    return await self._do(gets, transfer, peer, part)
                case Finish():
                    return True
        return False

    async def _answer(self, agent_id: str, offer: Offer) -> str:
        subject = subjects.signaling(agent_id, offer.session_id)
        try:
            message = await self._connection.request(
                subject, offer.model_dump_json().encode(), timeout=self._limits.answer_seconds
            )
            reply = OFFER_REPLY.validate_json(message.data)
        except nats.errors.NoRespondersError as error:
            raise LinkError(_("agent {agent_id} is not connected").format(agent_id=agent_id)) from error
        except nats.errors.Error as error:
            raise LinkError(_("agent {agent_id} does not answer").format(agent_id=agent_id)) from error
        except ValidationError as error:
            raise WireError(
                _("agent {agent_id} answered what the hub does not know").format(agent_id=agent_id)
            ) from error
        if isinstance(reply, Refused):
            raise RefusedError(reply.reason, retryable=reply.retryable, after_seconds=reply.after_seconds)
        return reply.sdp

    def _pause_seconds(self, fruitless: int) -> float:
        capped = min(self._limits.retry_seconds * 2.0 ** max(0, fruitless - 1), self._limits.retry_seconds_max)
        return capped * random.uniform(0.5, 1.0)  # noqa: S311
