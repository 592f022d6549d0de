"""A clip of the store as media, from where it lies: only parts that are shown are read (docs/design/playback.md)."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Final, Literal

from vigie_agent.clips.samples import Sample, Track, reorders, samples_of, track_of
from vigie_agent.video.ladder.ladder import Change
from vigie_agent.video.ladder.transcoder import CLIP, LOW, STILLS, Keep, Target, fitted
from vigie_agent.video.ladder.transcoding import LIMIT, Transcode, Transcoders
from vigie_agent.video.media.source import Advice, LinkFeedback, MediaFrame
from vigie_agent.video.playback.fitting import ClipFit, rungs_of
from vigie_agent.video.playback.playable import Footage, PlayableClip
from vigie_agent.video.playback.schedule import Hold, Over, PlaybackSchedule, Read, Show
from vigie_shared.errors import StoreError
from vigie_shared.i18n import gettext as _
from vigie_shared.media import Jump, Pause, Play, PlaybackCommand, Rate, Rung, Seek, Showing, ShowingReason, Step

EVENT_LEAD_SECONDS: Final = 1.0
"""How long before its event a clip begins to play when somebody jumps to it."""
BEGINNING_SECONDS: Final = 3.0
"""Later than this in an event, "previous" is its own beginning."""
JUMPS_MAX: Final = 4
TARGETS: Final[dict[Rung, Target]] = {"low": LOW, "stills": STILLS}
THIN_BITS_PER_SECOND: Final = 100_000
"""Of keyframes over a link that nobody has said anything of."""
GROWING_SECONDS: Final = 0.5
"""How often a clip that is still being recorded is looked at for more."""


class PlaybackSource:
    """One viewer's way through the clips of a camera (`vigie_agent.video.media.source.PlaybackMedia`).

    It holds at the end, so that somebody can go back. H.265 and B-frames, which browsers do not play in WebRTC, and
    what the link does not carry, are transcoded or thinned, which `showing` tells.
    """

    def __init__(
        self, footage: Footage, clip: PlayableClip, track: Track, play: Play, transcoders: Transcoders
    ) -> None:
        """`clip` and `track` are what `footage` has of the clip that `play` asks for; see `open`."""
        self._footage = footage
        self._transcoders = transcoders
        self._transcode: Transcode | None = None
        self._obstacle: ShowingReason | None = None
        """Why browsers do not play it as it is, once that is known."""
        self._reorders = False
        self._fit = ClipFit()
        self._rung: Rung = "clip"
        self._change: Change | None = None
        self._gave_seconds = float("-inf")
        self._schedule = PlaybackSchedule(clip, play.at_seconds, play.rate)
        self._track = track
        self._jumps: deque[Literal["next", "previous"]] = deque(maxlen=JUMPS_MAX)
        self._steered = asyncio.Event()
        self._is_closed = False
        self.on_over: Callable[[], None] = lambda: None
        """Called when the last picture was shown and there is no more; it stays until somebody steers."""
        self._showing = _showing(clip)
        self._begun_seconds = 0.0

    @classmethod
    async def open(cls, footage: Footage, play: Play, transcoders: Transcoders) -> "PlaybackSource":
        """Raises StoreError where there is no such clip, or its beginning is damaged."""
        clip, track = await asyncio.to_thread(_opened, footage, play.clip_id)
        return cls(footage, clip, track, play, transcoders)

    @property
    def showing(self) -> Showing:
        """What it shows."""
        return self._showing

    async def frames(self) -> AsyncIterator[MediaFrame]:
        """Each picture when it is due; raises StoreError where the clip is damaged or gone, CaptureError where no
        transcode is free.
        """
        self._begun_seconds = asyncio.get_running_loop().time()
        try:
            while not self._is_closed:
                self._steered.clear()
                if self._change is not None and self._change.reason != "recovered":
                    self._take_rung()
                    self._schedule.renew()
                if self._jumps:
                    await self._jump(self._jumps.popleft())
                match self._schedule.next(self._now_seconds()):
                    case Read(number):
                        await self._read(number)
                    case Show() as show:
                        if await self._until(show.due_seconds):
                            self._schedule.advance(show)
                            for frame in await self._frames_of(show):
                                self._gave_seconds = self._now_seconds()
                                yield frame
                    case Hold():
                        await self._steered.wait()
                    case Over():
                        await self._go_on()
        finally:
            await self.close()

    def steer(self, command: PlaybackCommand) -> None:
        """Do as the viewer says; returns at once."""
        match command:
            case Seek(at_seconds=at_seconds):
                self._schedule.seek(at_seconds)
            case Rate(rate=rate):
                self._schedule.set_rate(rate)
            case Step(frames=frames):
                self._schedule.step(frames, is_thinned=self._transcode is not None)
            case Pause(paused=paused):
                self._schedule.pause(paused)
            case Jump(to=to):
                self._jumps.append(to)
        self._steered.set()

    def want_keyframe(self) -> None:
        """Begin again with a keyframe, at the picture that is shown."""
        if self._transcode is not None:
            self._transcode.want_keyframe()
        if self._transcode is None or self._schedule.is_holding:
            self._schedule.renew()
        self._steered.set()

    def adapt(self, feedback: LinkFeedback) -> Advice:
        """Show less of the clip, or more; how fast to send, and what beside it."""
        may_transcode = self._transcoders.has_room or self._transcode is not None
        rungs = rungs_of(
            self._schedule.clip,
            self._schedule.rate,
            self._schedule.keyframe_bits,
            is_playable=self._obstacle is None,
            may_transcode=may_transcode,
        )
        idle_seconds = self._now_seconds() - self._gave_seconds
        change = self._fit.feed(feedback, rungs, idle_seconds)
        if change is not None:
            self._change = change
            self._steered.set()
        if self._fit.bits_per_second is not None and self._transcode is not None:
            self._transcode.limit(LIMIT * self._fit.bits_per_second)
        self._schedule.thin(self._thin_bits)
        return self._fit.advice(idle_seconds)

    async def close(self) -> None:
        """Let go of everything; `frames` ends."""
        self._is_closed = True
        self._steered.set()
        self._close_transcode()

    def _now_seconds(self) -> float:
        return asyncio.get_running_loop().time() - self._begun_seconds

    async def _until(self, due_seconds: float) -> bool:
        """Wait until then; False where somebody steered meanwhile."""
        delay_seconds = due_seconds - self._now_seconds()
        if delay_seconds > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay_seconds):
                    await self._steered.wait()
        return not self._steered.is_set()

    async def _read(self, number: int) -> None:
        clip = self._schedule.clip
        samples = await asyncio.to_thread(self._samples, clip, clip.gops[number].idx)
        if self._obstacle is None:
            self._obstacle = _obstacle(self._track, samples)
            self._reorders = reorders(samples)
        self._prepare()
        self._schedule.feed(number, samples)

    def _take_rung(self) -> None:
        """Show what fits the link, from a keyframe on."""
        change, self._change = self._change, None
        if change is not None:
            self._rung = change.rung
            self._prepare()

    def _prepare(self) -> None:
        """The transcode that rung and codec need, or none; keyframes where others took the last one meanwhile."""
        clip = self._schedule.clip
        if self._rung in TARGETS and self._transcode is None and not self._transcoders.has_room:
            self._rung = "keyframes"
        target = TARGETS.get(self._rung, None if self._obstacle is None else CLIP)
        if (None if self._transcode is None else self._transcode.target) != target:
            self._close_transcode()
            if target is not None:
                self._transcode = self._transcoders.open(self._track.codec, reorders=self._reorders, target=target)
        self._schedule.thin(self._thin_bits)
        width_px, height_px = clip.width_px, clip.height_px
        if target is not None:
            width_px, height_px = fitted(width_px, height_px, target)
        reason = self._obstacle if self._rung == "clip" and self._obstacle is not None else self._fit.reason
        made = {"rung": self._rung, "reason": reason, "width_px": width_px, "height_px": height_px}
        self._showing = _showing(clip).model_copy(update=made)

    @property
    def _thin_bits(self) -> float | None:
        if self._rung != "keyframes":
            return None
        known = self._fit.bits_per_second
        return THIN_BITS_PER_SECOND if known is None else max(THIN_BITS_PER_SECOND / 4, LIMIT * known)

    def _samples(self, clip: PlayableClip, idx: int) -> list[Sample]:
        samples = samples_of(self._track, self._footage.segment(clip.clip_id, idx))
        if not samples:
            raise StoreError(_("clip {clip}: segment {index} has no pictures").format(clip=clip.clip_id, index=idx))
        return samples

    async def _frames_of(self, show: Show) -> list[MediaFrame]:
        sample, clip = show.sample, self._schedule.clip
        if sample.is_keyframe:
            self._take_rung()
        frame = MediaFrame(
            data=sample.data,
            is_keyframe=sample.is_keyframe,
            at=clip.at + timedelta(seconds=sample.shown_seconds),
            due_seconds=show.due_seconds,
            at_seconds=sample.shown_seconds,
            is_sought=show.is_sought,
        )
        if self._transcode is None:
            return [frame]
        keep: Keep = "always" if show.is_sought else "in_turn" if show.is_goal else "never"
        is_anew = sample.is_keyframe and (show.is_sought or not show.is_goal)
        made = await self._transcode.feed(frame, keep, anew=is_anew, alone=show.is_alone)
        for small in made:
            self._schedule.position_seconds = small.at_seconds or 0.0
        return made

    async def _jump(self, to: Literal["next", "previous"]) -> None:
        """To the next event, or to this one's beginning, or to the one before."""
        clip = self._schedule.clip
        begins_seconds = max(0.0, clip.event_seconds - EVENT_LEAD_SECONDS)
        if to == "previous" and self._schedule.position_seconds > begins_seconds + BEGINNING_SECONDS:
            self._schedule.seek(begins_seconds)
            return
        found = await asyncio.to_thread(self._footage.neighbour, clip, to)
        if found is not None:
            await self._open(found)
        elif to == "previous":
            self._schedule.seek(0.0)

    async def _go_on(self) -> None:
        """The clip has no more: perhaps it is still growing, or its event goes on in another one; else hold."""
        clip = self._schedule.clip
        if not clip.is_finished:
            grown = await asyncio.to_thread(self._footage.clip, clip.clip_id)
            if len(grown.gops) > len(clip.gops) or grown.is_finished:
                self._schedule.extend(grown)
            else:
                await self._until(self._now_seconds() + GROWING_SECONDS)
            return
        rest = await asyncio.to_thread(self._footage.neighbour, clip, "rest")
        if rest is not None:
            await self._open(rest, 0.0)
        else:
            self._schedule.stay()
            self.on_over()

    async def _open(self, clip_id: str, at_seconds: float | None = None) -> None:
        clip, track = await asyncio.to_thread(_opened, self._footage, clip_id)
        self._close_transcode()
        self._track, self._obstacle, self._reorders = track, None, False
        begins_seconds = max(0.0, clip.event_seconds - EVENT_LEAD_SECONDS)
        self._schedule.open(clip, begins_seconds if at_seconds is None else at_seconds)

    def _close_transcode(self) -> None:
        transcode, self._transcode = self._transcode, None
        if transcode is not None:
            transcode.close()


def _opened(footage: Footage, clip_id: str) -> tuple[PlayableClip, Track]:
    clip = footage.clip(clip_id)
    return clip, track_of(footage.segment(clip_id, 0))


def _obstacle(track: Track, samples: list[Sample]) -> ShowingReason | None:
    """Why browsers do not play it as it is."""
    if track.codec != "h264":
        return "h265"
    return "b_frames" if reorders(samples) else None


def _showing(clip: PlayableClip) -> Showing:
    return Showing(
        rung="clip",
        width_px=clip.width_px,
        height_px=clip.height_px,
        camera_id=clip.camera_id,
        clip_id=clip.clip_id,
    )
