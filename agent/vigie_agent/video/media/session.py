"""A media session: shows what the hub commands over one connection, and keeps that warm when it shows nothing."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.uplink.delivery_rate import Sent
from vigie_agent.video.media.light import Light, Watching
from vigie_agent.video.media.opening import BURST_BYTES, Opening
from vigie_agent.video.media.peer import MediaPeer
from vigie_agent.video.media.rtp_time import TIMESTAMPS, CameraTime, RtpTime
from vigie_agent.video.media.source import LinkFeedback, MediaFrame, MediaSource, PlaybackMedia
from vigie_shared.errors import CaptureError, StoreError, TransferError, VigieError
from vigie_shared.i18n import gettext as _
from vigie_shared.media import (
    WARM_SECONDS,
    Ended,
    EndReason,
    First,
    Jump,
    KeyframeWanted,
    Live,
    MediaCommand,
    MediaRefused,
    Pause,
    Play,
    Rate,
    Received,
    Seek,
    Showing,
    Step,
    Stop,
    Viewers,
)
from vigie_shared.rtc.h264 import EncodedFrame

CONNECT_SECONDS: Final = 15.0
FEEDBACK_SECONDS: Final = 0.25
FILL_SECONDS: Final = 0.02
_WARM_MARGIN_SECONDS: Final = 5.0
"""The hub closes what is idle; an agent that hears nothing does so a little later."""
_PACKET_SHARE: Final = 1.06
"""Headers of RTP, UDP and IP on top of a picture's bytes."""

OpenSource = Callable[[First], Awaitable[MediaSource]]
"""Opens what is asked for; raises VigieError with what to tell the viewer."""
log = structlog.get_logger(__name__)


class MediaSession:
    """One hub, one connection, one thing shown at a time."""

    def __init__(
        self, peer: MediaPeer, open_source: OpenSource, budget: LinkBudget, light: Light, session_id: str
    ) -> None:
        self._peer = peer
        self._open_source = open_source
        self._budget = budget
        self._light = light
        self._log = log.bind(session_id=session_id)
        self._loop = asyncio.get_running_loop()
        self._time = RtpTime(self._loop.time())
        self._camera_time = CameraTime()
        self._said: Showing | None = None
        self._estimate: float | None = None
        self._pace_bits: float | None = None
        self._filler_bits = 0.0
        self._opening: Opening | None = None
        self._lost: float | None = None
        self._in_air: deque[tuple[int, Sent]] = deque()
        self._source: MediaSource | None = None
        self._watching: Watching | None = None
        self._show: asyncio.Task[None] | None = None

    async def run(self, first: First | None) -> None:
        """Serve until the hub hangs up, is lost (TransferError), or has asked for nothing for a minute."""
        sender = self._peer.sender
        sender.on_keyframe_wanted = self._keyframe_wanted
        sender.on_estimate = self._on_estimate
        sender.on_report = self._on_report
        fault: Exception | None = None
        try:
            async with asyncio.TaskGroup() as group:
                await self._peer.connected(CONNECT_SECONDS)
                feeding = group.create_task(self._feed_back())
                try:
                    await self._serve(first, group)
                finally:
                    feeding.cancel()
                    await self._end()
        except* TransferError as broken:
            fault = broken.exceptions[0]  # Python 3.11.2 would raise it from here as a group
        finally:
            for _timestamp, sent in self._in_air:
                self._budget.lose(sent)
        if fault is not None:
            raise fault

    async def _serve(self, command: MediaCommand | None, group: asyncio.TaskGroup) -> None:
        while True:
            if command is not None:
                await self._do(command, group)
            is_idle = self._show is None or self._show.done()
            try:
                async with asyncio.timeout(WARM_SECONDS + _WARM_MARGIN_SECONDS if is_idle else None):
                    command = await self._peer.command()
            except TimeoutError:
                command = None
                if self._show is None or self._show.done():
                    return
            else:
                if command is None:
                    return

    async def _do(self, command: MediaCommand, group: asyncio.TaskGroup) -> None:
        match command:
            case Live() | Play():
                await self._begin(command, group)
            case Stop():
                await self._end()
                self._say_ended("stopped")
            case KeyframeWanted():
                self._keyframe_wanted()
            case Viewers(count=count):
                if self._watching is not None:
                    self._watching.viewers = count
            case Received(rtp_timestamp=timestamp):
                self._land(timestamp)
            case Seek() | Rate() | Step() | Pause() | Jump():
                if self._source is not None and hasattr(self._source, "steer"):
                    steered: PlaybackMedia = self._source  # type: ignore[assignment]
                    steered.steer(command)

    async def _begin(self, first: First, group: asyncio.TaskGroup) -> None:
        await self._end()
        try:
            source = await self._open_source(first)
        except VigieError as error:
            self._peer.say(MediaRefused(reason=str(error)[:300], retryable=error.retryable))
            return
        self._source = source
        self._show = group.create_task(self._pump(source, first))
        if isinstance(first, Live):
            opening = group.create_task(self._open())
            self._show.add_done_callback(lambda _show: opening.cancel())

    async def _end(self) -> None:
        """Show nothing more; returns once all of it is let go."""
        show, self._show, self._source = self._show, None, None
        if show is not None and not show.done():
            show.cancel()
            await asyncio.wait([show])

    async def _pump(self, source: MediaSource, first: First) -> None:
        camera_id = first.camera_id if isinstance(first, Live) else source.showing.camera_id
        self._time.begin(self._loop.time())
        self._camera_time.forget()
        self._said = None
        count = 0
        if isinstance(first, Play):
            playback: PlaybackMedia = source  # type: ignore[assignment]
            playback.on_over = self._say_over
        try:
            with self._light.on(camera_id or "") as self._watching:
                async for frame in source.frames():
                    await self._send(source, frame)
                    count += 1
            self._say_ended("over")
        except CaptureError as error:
            self._log.info("media_broken_off", camera_id=camera_id, reason=str(error))
            self._say_ended("camera_lost")
        except StoreError as error:
            self._log.warning("media_broken_off", camera_id=camera_id, reason=str(error))
            self._say_ended("clip_gone")
        except Exception as error:  # what one source does must not end the connection
            await asyncio.to_thread(self._log.error, "media_failed", exc_info=error)  # a traceback reads source files
            self._say_ended("failed")
        finally:
            await source.close()
            self._log.info("media_ended", camera_id=camera_id, frames=count)

    def _say_ended(self, reason: EndReason) -> None:
        self._peer.say(Ended(reason=reason, rtp_timestamp=self._time.newest))

    def _say_over(self) -> None:
        """The last picture stays; whoever goes back from there is told again what they see."""
        self._say_ended("over")
        self._said = None

    async def _send(self, source: MediaSource, frame: MediaFrame) -> None:
        if source.showing != self._said:
            self._said = source.showing
            self._peer.say(self._said)
        timestamp = self._time.timestamp(frame.due_seconds)
        if (said := self._camera_time.feed(timestamp, frame)) is not None:
            self._peer.say(said)
        await self._turns(int(len(frame.data) * _PACKET_SHARE), timestamp)
        if self._opening is not None:
            self._pace()
        self._peer.sender.send_frame(EncodedFrame(frame.data, timestamp, frame.is_keyframe))

    async def _turns(self, rest: int, timestamp: int) -> None:
        """Wait until the link has room for a picture; what is more urgent goes between its parts."""
        if not self._budget.may_leave("live"):
            raise CaptureError(
                _("the link may not carry video now: {reason}").format(reason=self._budget.barrier("live"))
            )
        while rest > 0:
            turn_bytes = self._budget.chunk_bytes(rest)
            sent = await self._budget.launch("live", turn_bytes)
            self._in_air.append((timestamp, sent))
            rest -= turn_bytes

    # What the connection says of its link.

    def _keyframe_wanted(self) -> None:
        if self._source is not None:
            self._source.want_keyframe()

    def _on_estimate(self, bits_per_second: int) -> None:
        known, self._estimate = self._estimate, float(bits_per_second)
        if self._opening is not None:
            self._opening.hear(self._loop.time())
        self._pace()
        if known is None or bits_per_second < known:
            self._adapt()  # before more leaves that the link does not carry
            self._pace()

    def _on_report(self, lost: float, _rtt_seconds: float | None, _jitter_seconds: float) -> None:
        self._lost = lost

    def _land(self, timestamp: int) -> None:
        """All up to this picture has arrived."""
        while self._in_air and (timestamp - self._in_air[0][0]) % TIMESTAMPS < TIMESTAMPS // 2:
            self._budget.land(self._in_air.popleft()[1])

    async def _feed_back(self) -> None:
        while True:
            await self._fill()
            self._adapt()
            self._pace()

    def _adapt(self) -> None:
        """Tell what is shown how the link fares, and heed its advice."""
        source, sender, advice = self._source, self._peer.sender, None
        if source is not None:
            advice = source.adapt(
                LinkFeedback(
                    now_seconds=self._loop.time(),
                    estimate_bits_per_second=self._estimate,
                    fraction_lost=self._lost,
                    round_trip_seconds=sender.rtt_seconds,
                    queued_seconds=sender.queue_seconds,
                )
            )
        self._filler_bits = 0.0 if advice is None else advice.filler_bits_per_second
        self._pace_bits = None if advice is None else advice.pace_bits_per_second
        if advice is not None and advice.drops_queue:
            sender.forget()

    async def _open(self) -> None:
        """Pace the first second of a source, of which nobody knows yet whether the link carries it."""
        sender = self._peer.sender
        known = (self._peer.round_trip_seconds, sender.rtt_seconds)
        round_trip = min((seconds for seconds in known if seconds is not None), default=None)
        if round_trip is None:
            return
        opening, repeated = Opening(round_trip, self._loop.time()), sender.counts.packets_repeated
        if self._estimate is not None:
            opening.hear(self._loop.time())
        sender.pacer.allow_burst(BURST_BYTES)
        self._opening = opening
        try:
            while not opening.is_over(self._loop.time()):
                self._pace()
                await asyncio.sleep(opening.step_seconds)
                if sender.counts.packets_repeated > repeated:
                    opening.lose(self._loop.time())
        finally:
            self._opening = None
            self._pace()

    def _pace(self) -> None:
        """As the other side estimates, but no faster than what is shown has proved."""
        sender, now_seconds, first = self._peer.sender, self._loop.time(), None
        if self._opening is not None:
            first = self._opening.bits_per_second(now_seconds, sender.pacer.queue_bytes)
        known = [bits for bits in (self._estimate, self._pace_bits, first) if bits is not None]
        sender.estimate(min(known, default=None))
        sender.hold(self._opening is not None and self._opening.is_held(now_seconds))

    async def _fill(self) -> None:
        """Until the next feedback, repeat packets at the rate that was advised."""
        until_seconds = self._loop.time() + FEEDBACK_SECONDS
        while self._filler_bits and self._loop.time() < until_seconds and self._budget.may_leave("live"):
            self._budget.spend(self._peer.sender.fill(int(self._filler_bits * FILL_SECONDS / 8)))
            await asyncio.sleep(FILL_SECONDS)
        await asyncio.sleep(max(0.0, until_seconds - self._loop.time()))
