"""One pull from an agent, and all who watch it: the agent's link carries the same for one viewer and for a hundred.

```
            WarmPeers.take        picture, message                    last viewer left
 opening ────────────────→ flowing ──→ cache ──→ viewers   flowing ─────────────────────→ given back, warm
    ↑                         │
    └──(backoff) agent, camera or way lost ──┘   viewers keep their connections meanwhile
```
"""

import asyncio
from typing import Final

import structlog

from vigie_hub.video.live.agent_media import AgentMedia
from vigie_hub.video.live.gop_cache import TIMESTAMPS, GopCache
from vigie_hub.video.live.viewer import Viewer
from vigie_hub.video.live.warm import WarmPeers
from vigie_shared.errors import VigieError
from vigie_shared.media import (
    CameraClock,
    Ended,
    First,
    Live,
    MediaMessage,
    MediaRefused,
    Play,
    PlaybackCommand,
    Received,
    Showing,
    Viewers,
)
from vigie_shared.rtc.reassembly import ReceivedFrame
from vigie_shared.signaling import MediaWanted

CLOCK_HZ: Final = 90_000
ACKNOWLEDGE_SECONDS: Final = 0.2
RETRY_SECONDS: Final = 0.5
RETRY_SECONDS_MAX: Final = 10.0
LAST_WORD_SECONDS: Final = 5.0
log = structlog.get_logger(__name__)


class Relay:
    """Runs while somebody watches."""

    def __init__(self, agent_id: str, first: First, wanted: MediaWanted, peers: WarmPeers) -> None:
        self._agent_id = agent_id
        self._first = first
        self._wanted = wanted
        self._peers = peers
        self._loop = asyncio.get_running_loop()
        self._cache = GopCache()
        self._expected: set[Viewer] = set()
        self._foreseen_until_seconds = float("-inf")
        self._joined: tuple[Viewer, ...] = ()
        self._said: dict[str, MediaMessage] = {}
        self._media: AgentMedia | None = None
        self._stirred = asyncio.Event()
        self._is_broken = self._is_over = False
        self._shift: int | None = 0
        self._newest: tuple[int, float] | None = None
        self._unshifted: list[MediaMessage] = []

    # Viewers.

    @property
    def first(self) -> First:
        """What is pulled."""
        return self._first

    @property
    def is_over(self) -> bool:
        """Whether nobody may join any more."""
        return self._is_over

    @property
    def viewer_count(self) -> int:
        """Who watches, or is about to."""
        return len(self._expected)

    def foresee(self, seconds: float) -> None:
        """Somebody may look, and says who they are within so long: the pull may begin."""
        self._foreseen_until_seconds = self._loop.time() + seconds
        self._loop.call_later(seconds, self._stirred.set)

    def expect(self, viewer: Viewer) -> None:
        """Somebody is on the way: the pull may begin."""
        self._foreseen_until_seconds = float("-inf")
        self._expected.add(viewer)
        viewer.on_keyframe_wanted = lambda: self._show_again(viewer)

    def join(self, viewer: Viewer) -> None:
        """They are there: pictures from the last keyframe on leave now."""
        for message in self._said.values():
            viewer.say(message)
        for frame in self._cache.burst():
            viewer.show(frame)
        self._joined = (*self._joined, viewer)
        self._tell_viewers()

    def leave(self, viewer: Viewer) -> None:
        """They are gone."""
        self._expected.discard(viewer)
        self._joined = tuple(other for other in self._joined if other is not viewer)
        self._tell_viewers()
        self._stirred.set()

    def steer(self, command: PlaybackCommand) -> None:
        """Hand a viewer's command on."""
        if self._media is not None:
            self._media.command(command)

    @property
    def _is_wanted(self) -> bool:
        return bool(self._expected) or self._loop.time() < self._foreseen_until_seconds

    # The pull.

    async def run(self) -> None:
        """Pull until the last viewer is gone, or the agent refuses for good."""
        fruitless = 0
        try:
            while self._is_wanted:
                before = self._newest
                error = await self._pull()
                if not self._is_wanted or (error is not None and not error.retryable):
                    return
                if isinstance(self._first, Play):
                    return
                fruitless = 0 if self._newest != before else fruitless + 1
                self._stirred.clear()
                await self._pause(min(RETRY_SECONDS * 2**fruitless, RETRY_SECONDS_MAX))
        finally:
            self._is_over = True
            for viewer in self._expected:  # they are told why first
                self._loop.call_later(LAST_WORD_SECONDS, viewer.on_gone)

    async def _pull(self) -> MediaRefused | None:
        """One connection's worth; what the agent refused with, if it did."""
        try:
            media = await self._peers.take(self._agent_id, self._wanted, self._first, self._attach)
        except VigieError as error:
            refused = MediaRefused(reason=str(error)[:300], retryable=error.retryable)
            self._say(refused)
            return refused
        self._media = media
        self._tell_viewers()
        try:
            await self._follow(media)
        except asyncio.CancelledError:  # the hub stops: nothing is kept warm
            await asyncio.shield(media.close())
            raise
        self._media = None
        if media.is_gone:
            self._say(Ended(reason="link"))
            await media.close()
        else:
            self._peers.give(media)
        refused_with = self._said.get("refused")
        return refused_with if isinstance(refused_with, MediaRefused) else None

    def _attach(self, media: AgentMedia) -> None:
        self._is_broken, self._shift = False, 0 if self._newest is None else None
        self._cache.clear()
        media.on_frame, media.on_message, media.on_gone = self._on_frame, self._on_message, self._break

    async def _follow(self, media: AgentMedia) -> None:
        """Tell the agent what arrives, until it breaks or nobody watches."""
        acknowledged = self._newest
        while self._is_wanted and not self._is_broken:
            await self._pause(ACKNOWLEDGE_SECONDS)
            if self._newest != acknowledged and self._newest is not None and self._shift is not None:
                acknowledged = self._newest
                media.command(Received(rtp_timestamp=(acknowledged[0] - self._shift) % TIMESTAMPS))

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stirred.wait()
        except TimeoutError:
            return
        self._stirred.clear()

    def _break(self) -> None:
        self._is_broken = True
        self._stirred.set()

    # What comes.

    def _on_frame(self, frame: ReceivedFrame) -> None:
        if self._shift is None:
            self._begin_at(frame.timestamp)
        if self._shift:
            timestamp = (frame.timestamp + self._shift) % TIMESTAMPS
            frame = ReceivedFrame(frame.payloads, timestamp, frame.is_keyframe)
        self._newest = (frame.timestamp, self._loop.time())
        self._cache.feed(frame)
        for viewer in self._joined:
            viewer.show(frame)

    def _begin_at(self, timestamp: int) -> None:
        """The first picture of another connection: viewers' clocks go on as if it were the same."""
        assert self._newest is not None
        newest, at_seconds = self._newest
        passed = max(1, round((self._loop.time() - at_seconds) * CLOCK_HZ))
        self._shift = (newest + passed - timestamp) % TIMESTAMPS
        unshifted, self._unshifted = self._unshifted, []
        for message in unshifted:
            self._on_message(message)

    def _on_message(self, message: MediaMessage) -> None:
        if isinstance(message, CameraClock):
            if self._shift is None:
                self._unshifted.append(message)
                return
            shifted = (message.rtp_timestamp + self._shift) % TIMESTAMPS
            message = message.model_copy(update={"rtp_timestamp": shifted})
        self._say(message)
        if isinstance(message, MediaRefused) or (isinstance(message, Ended) and isinstance(self._first, Live)):
            self._break()

    def _say(self, message: MediaMessage) -> None:
        if isinstance(message, Showing):
            self._said.pop("ended", None)
            self._said.pop("refused", None)
        self._said[message.say] = message
        for viewer in self._joined:
            viewer.say(message)

    def _show_again(self, viewer: Viewer) -> None:
        if viewer in self._joined:
            for frame in self._cache.again():
                viewer.show(frame)

    def _tell_viewers(self) -> None:
        if self._media is not None and self._joined:
            self._media.command(Viewers(count=len(self._joined)))
