"""A camera as live video that fits the link: one rung of the ladder at a time, each begun with a keyframe."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from typing import Final

from vigie_agent.capture.outlet import Outlet
from vigie_agent.capture.packets import Codec
from vigie_agent.video.ladder.ladder import ORDER, Change, Ladder, RungCost
from vigie_agent.video.ladder.meter import HEADERS, StreamMeter, Taken, cost_of
from vigie_agent.video.ladder.transcoder import LOW, STILLS
from vigie_agent.video.ladder.transcoding import TranscodedSource, Transcoders
from vigie_agent.video.media.live import LiveCamera, LiveSource, unplayable
from vigie_agent.video.media.source import Advice, LinkFeedback, MediaFrame, MediaSource
from vigie_shared.errors import CaptureError
from vigie_shared.i18n import gettext as _
from vigie_shared.media import Live, Rung, Showing, ShowingReason

BITS_PER_PIXEL: Final = 2.0
"""A second, of a camera that nothing was counted of yet: 4 Mbit/s at 1080p."""
_STEP_SECONDS: Final = 0.001


class AdaptiveSource:
    """Main stream, sub-stream, transcode, keyframes or stills (`vigie_agent.video.media.source.MediaSource`)."""

    def __init__(self, camera: LiveCamera, wanted: Live, transcoders: Transcoders) -> None:
        """What is wanted is an upper bound. Use `open`."""
        self._camera = camera
        self._wanted = wanted
        self._transcoders = transcoders
        self._meters: dict[Rung, StreamMeter] = {}
        self._ladder: Ladder
        self._inner: MediaSource | None = None
        self._reason: ShowingReason = "asked"
        self._changed = asyncio.Event()
        self._drops_queue = self._is_closed = False
        self._due_seconds = 0.0
        self._showing: Showing

    @classmethod
    async def open(cls, camera: LiveCamera, wanted: Live, transcoders: Transcoders) -> "AdaptiveSource":
        """Raises CaptureError where the camera shows nothing now, or only by a transcode for which there is no room."""
        source = cls(camera, wanted, transcoders)
        await asyncio.to_thread(source._listen)
        rungs = source._rungs()
        if not rungs:
            await source.close()
            raise _nothing(camera)
        source._ladder = Ladder(rungs, asyncio.get_running_loop().time())
        source._reason = source._first_reason(source._ladder.rung)
        source._showing = source._shown_as(source._ladder.rung)
        return source

    @property
    def showing(self) -> Showing:
        """What it shows."""
        return self._inner.showing if self._inner is not None else self._showing

    async def frames(self) -> AsyncIterator[MediaFrame]:
        """Pictures of one rung after the other; times go on over all of them."""
        loop = asyncio.get_running_loop()
        begun_seconds = loop.time()
        try:
            while not self._is_closed:
                self._changed.clear()
                self._inner = self._open(self._ladder.rung)
                offset: float | None = None
                async with contextlib.aclosing(self._until_changed(self._inner)) as frames:
                    async for frame in frames:
                        if offset is None:
                            passed_seconds = loop.time() - begun_seconds
                            offset = max(passed_seconds, self._due_seconds + _STEP_SECONDS) - frame.due_seconds
                        self._due_seconds = max(self._due_seconds, frame.due_seconds + offset)
                        yield replace(frame, due_seconds=self._due_seconds)
                await self._inner.close()
        finally:
            await self.close()

    def want_keyframe(self) -> None:
        """As soon as what is shown has one."""
        if self._inner is not None:
            self._inner.want_keyframe()

    def adapt(self, feedback: LinkFeedback) -> Advice:
        """Climb or fall; how fast to send, and what beside the video."""
        rungs = self._rungs()
        change = self._ladder.feed(feedback, rungs) if rungs else None
        if change is not None:
            self._take(change)
        drops_queue, self._drops_queue = self._drops_queue, False
        pace_bits = self._ladder.pace_bits_per_second
        if self._inner is not None:
            known = [bits for bits in (feedback.estimate_bits_per_second, pace_bits) if bits is not None]
            self._inner.adapt(replace(feedback, estimate_bits_per_second=min(known, default=None)))
        return Advice(pace_bits, self._ladder.filler_bits_per_second, drops_queue)

    async def close(self) -> None:
        """Let go of the camera and of any transcode."""
        self._is_closed = True
        self._changed.set()
        inner, self._inner = self._inner, None
        if inner is not None:
            self._showing = inner.showing
            await inner.close()
        meters, self._meters = list(self._meters.values()), {}
        for meter in meters:
            await asyncio.shield(asyncio.to_thread(meter.close))

    def _take(self, change: Change) -> None:
        self._reason, self._drops_queue = change.reason, change.reason != "recovered"
        self._changed.set()

    async def _until_changed(self, source: MediaSource) -> AsyncGenerator[MediaFrame, None]:
        """Its pictures until the rung changes, even while none comes."""
        changed = asyncio.ensure_future(self._changed.wait())
        frames = _generated(source)
        try:
            while not self._changed.is_set():
                coming = asyncio.ensure_future(anext(frames))
                try:
                    await asyncio.wait((coming, changed), return_when=asyncio.FIRST_COMPLETED)
                finally:
                    if not coming.done():
                        coming.cancel()
                        with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
                            await coming
                if self._changed.is_set():
                    return
                yield coming.result()
        except StopAsyncIteration:
            return
        finally:
            changed.cancel()
            await frames.aclose()

    # Rungs.

    def _listen(self) -> None:
        for rung, outlet in self._outlets():
            self._meters[rung] = StreamMeter(outlet)

    def _outlets(self) -> list[tuple[Rung, Outlet]]:
        """The camera's streams that come now, the large one first."""
        both: list[tuple[Rung, Outlet | None]] = [("main", self._camera.outlet), ("sub", self._camera.sub_outlet)]
        return [(rung, outlet) for rung, outlet in both if outlet is not None and outlet.stream is not None]

    def _rungs(self) -> list[RungCost]:
        """What can be shown now, and what it takes."""
        outlets = self._outlets()
        found: list[RungCost] = []
        playable = [rung for rung, outlet in outlets if unplayable(outlet) is None]
        for rung, outlet in outlets:
            if rung in playable:
                taken = self._taken(rung, outlet)
                found.append(RungCost(rung, HEADERS * taken.bits_per_second, HEADERS * taken.keyframe_bits))
        if outlets and (self._transcoders.has_room or self._is_transcoding):
            found.append(cost_of("low", LOW))
        if playable:
            taken = self._taken(playable[-1], dict(outlets)[playable[-1]])
            bits = HEADERS * taken.keyframe_bits
            found.append(RungCost("keyframes", bits / taken.keyframe_seconds, bits))
        if outlets and (self._transcoders.has_room or self._is_transcoding):
            found.append(cost_of("stills", STILLS))
        best = ORDER.index("main" if self._wanted.quality == "auto" else self._wanted.quality)
        bounded = [one for one in found if ORDER.index(one.rung) >= best]
        return bounded or found[-1:]

    def _taken(self, rung: Rung, outlet: Outlet) -> Taken:
        """What a stream takes; before anything was counted, what one of its size may."""
        meter = self._meters.get(rung)
        if meter is not None and meter.taken is not None:
            return meter.taken
        pixels = outlet.stream.width_px * outlet.stream.height_px if outlet.stream is not None else 0
        return Taken(max(100_000.0, BITS_PER_PIXEL * pixels), BITS_PER_PIXEL * pixels / 4, 2.0)

    @property
    def _is_transcoding(self) -> bool:
        return isinstance(self._inner, TranscodedSource)

    def _open(self, rung: Rung) -> MediaSource:
        outlets = dict(self._outlets())
        if not outlets:
            raise _nothing(self._camera)
        if rung in ("main", "sub") and rung in outlets:
            return LiveSource(outlets[rung], self._shown_as(rung))
        smallest = list(outlets.values())[-1]
        playable = [outlet for outlet in outlets.values() if unplayable(outlet) is None]
        if playable and (rung == "keyframes" or not self._transcoders.has_room):
            return KeyframesOnly(LiveSource(playable[-1], self._shown_as("keyframes")))
        assert smallest.stream is not None
        codec: Codec = smallest.stream.codec
        target = STILLS if rung == "stills" else LOW
        transcode = self._transcoders.open(codec, reorders=smallest.has_b_frames, target=target)
        return TranscodedSource(LiveSource(smallest, self._shown_as(rung)), transcode, rung=rung, reason=self._reason)

    def _shown_as(self, rung: Rung) -> Showing:
        streams = {name: outlet.stream for name, outlet in self._outlets()}
        stream = streams.get(rung) or next(iter(reversed(streams.values())), None)
        return Showing(
            rung=rung,
            width_px=stream.width_px if stream else 0,
            height_px=stream.height_px if stream else 0,
            reason=self._reason,
            camera_id=self._camera.camera_id,
        )

    def _first_reason(self, rung: Rung) -> ShowingReason:
        if self._wanted.quality == "sub" and rung != "sub":
            return "no_sub_stream"
        obstacle = unplayable(self._camera.outlet)
        is_passed_over = rung != "main" and self._wanted.quality in ("auto", "main")
        return obstacle if obstacle is not None and is_passed_over else "asked"


class KeyframesOnly:
    """Of another source, the pictures that need no other (`vigie_agent.video.media.source.MediaSource`)."""

    def __init__(self, source: MediaSource) -> None:
        self._source = source

    @property
    def showing(self) -> Showing:
        """As the source says."""
        return self._source.showing

    async def frames(self) -> AsyncIterator[MediaFrame]:
        """Its keyframes."""
        async with contextlib.aclosing(self._source.frames()) as frames:  # type: ignore[type-var]
            async for frame in frames:
                if frame.is_keyframe:
                    yield replace(frame, is_overtaken=False)

    def want_keyframe(self) -> None:
        """Each one is."""

    def adapt(self, feedback: LinkFeedback) -> None:
        """There is nothing to leave out."""

    async def close(self) -> None:
        """Let go of the source."""
        await self._source.close()


async def _generated(source: MediaSource) -> AsyncGenerator[MediaFrame, None]:
    """Its pictures, as something that can be closed."""
    async for frame in source.frames():
        yield frame


def _nothing(camera: LiveCamera) -> CaptureError:
    obstacle = unplayable(camera.outlet)
    if obstacle in (None, "camera_lost"):
        return CaptureError(_("camera {camera_id} gives no pictures now").format(camera_id=camera.camera_id))
    return CaptureError(
        _(
            "camera {camera_id} sends {codec}, which browsers do not play, and no transcode is free: try again later, "
            "or set its sub-stream to H.264 without B-frames"
        ).format(camera_id=camera.camera_id, codec="H.265" if obstacle == "h265" else _("B-frames"))
    )
