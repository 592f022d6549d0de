"""Connections to agents: a new one, or one that was used within the last minute and starts in two round trips."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from vigie_hub.video.live.agent_media import AgentMedia
from vigie_shared.media import WARM_SECONDS, Ended, First, MediaMessage, Stop
from vigie_shared.signaling import MediaWanted

STOP_SECONDS: Final = 5.0


@dataclass(eq=False, slots=True)
class _Idle:
    """A connection that nobody uses."""

    media: AgentMedia
    is_taken: bool = False
    stirred: asyncio.Event = field(default_factory=asyncio.Event)


class WarmPeers:
    """Lives on the event loop; `group` keeps its tasks."""

    def __init__(
        self, make: Callable[[str], AgentMedia], group: asyncio.TaskGroup, *, warm_seconds: float = WARM_SECONDS
    ) -> None:
        """`make` makes a connection to an agent that is not open yet."""
        self._make = make
        self._group = group
        self._warm_seconds = warm_seconds
        self._idle: list[_Idle] = []

    @property
    def idle_count(self) -> int:
        """Connections that are open and unused."""
        return len(self._idle)

    async def take(
        self, agent_id: str, wanted: MediaWanted, first: First, attach: Callable[[AgentMedia], None]
    ) -> AgentMedia:
        """A connection on which `first` has been asked for. Raises LinkError, TransferError, WireError.

        `attach` is called before anything can come of it.
        """
        for idle in self._idle:
            if idle.media.agent_id == agent_id and not idle.media.is_gone:
                self._idle.remove(idle)
                idle.is_taken = True
                idle.stirred.set()
                attach(idle.media)
                idle.media.command(first)
                return idle.media
        media = self._make(agent_id)
        attach(media)
        try:
            await media.open(wanted.model_copy(update={"first": first}))
        except BaseException:
            await media.close()
            raise
        return media

    async def cool(self) -> None:
        """Close what is idle, now."""
        while self._idle:
            idle = self._idle.pop()
            idle.stirred.set()
            await idle.media.close()

    def give(self, media: AgentMedia) -> None:
        """No longer used: kept for a minute, once the agent has said that it stopped."""
        self._group.create_task(self._keep(media))

    async def _keep(self, media: AgentMedia) -> None:
        idle, has_stopped = _Idle(media), asyncio.Event()

        def heard(message: MediaMessage) -> None:
            if isinstance(message, Ended) and message.reason == "stopped":
                media.stale_timestamp = message.rtp_timestamp
                has_stopped.set()

        def gone() -> None:
            has_stopped.set()
            idle.stirred.set()

        media.on_frame, media.on_message, media.on_gone = (lambda frame: None), heard, gone
        try:
            media.command(Stop())
            if not await _set_within(has_stopped, STOP_SECONDS) or media.is_gone:
                return
            self._idle.append(idle)
            await _set_within(idle.stirred, self._warm_seconds)
        finally:
            if not idle.is_taken:
                if idle in self._idle:
                    self._idle.remove(idle)
                await media.close()


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
