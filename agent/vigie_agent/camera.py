"""One camera, from its packets to events and clips.

```
source ─packets→ ring ──pre-roll──→ recorder ──→ remux ──→ sink.keep_clip
            └──→ motion ──changes──→ recorder, sink.record
                    └──frames while moving──→ plate lane ──→ sink.record_read
```
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, Protocol

import structlog

from vigie_agent.camera_settings import CameraSettings, ClipSettings, MotionSettings, PlateSettings
from vigie_agent.capture.consumer import SourceStatistics
from vigie_agent.capture.ingest import Ingest, open_source
from vigie_agent.capture.outlet import Outlet
from vigie_agent.capture.packets import Packet, StreamInfo
from vigie_agent.capture.rates import StreamRates
from vigie_agent.capture.ring import GopRing
from vigie_agent.clips.begun import OnSegment
from vigie_agent.clips.finished import FinishedClip as FinishedClip
from vigie_agent.clips.finished import finish_clip as finish_clip
from vigie_agent.clips.recorder import ClipRecorder, RecordedClip
from vigie_agent.motion.budget import DecodeBudget
from vigie_agent.motion.decoder import KeyframeDecoder
from vigie_agent.motion.detector import MotionChange
from vigie_agent.motion.gate import GateVerdict
from vigie_agent.motion.watch import MotionWatch, Seen
from vigie_agent.reading import PlateObserver
from vigie_agent.showing import PlateShow
from vigie_agent.substream import LedPictures, SubStream
from vigie_shared.clock import Clock
from vigie_shared.errors import CaptureError
from vigie_shared.events import AnyEvent, CameraChanged, GapRecorded, MotionEnded, MotionStarted, PlateRead
from vigie_shared.heartbeats import CameraHealth
from vigie_shared.i18n import gettext as _
from vigie_shared.ids import unique_id

RING_MARGIN_SECONDS: Final = 5.0
"""Held beyond the pre-roll, for the GOP in which it begins."""
_DETAIL_CHARS_MAX: Final = 200

log = structlog.get_logger(__name__)


class Sink(Protocol):
    """Takes what a camera saw, on several threads; every call returns at once and raises nothing."""

    def record(self, event: AnyEvent) -> None:
        """Keep `event` and tell the hub."""
        ...

    def record_read(self, event: PlateRead, crop_jpeg: bytes) -> None:
        """Keep a plate read with its plate's picture."""
        ...

    def keep_clip(self, clip: FinishedClip) -> None:
        """Keep a clip and tell the hub that it exists."""
        ...


class CameraWatch:
    """Watches one camera on its own threads, from `start` to `stop`."""

    def __init__(
        self,
        camera: CameraSettings,
        motion: MotionSettings,
        clips: ClipSettings,
        plates: PlateSettings,
        *,
        sink: Sink,
        clock: Clock,
        observer: PlateObserver | None = None,
        wait: Callable[[float], bool] | None = None,
        ingest: Ingest | None = None,
        on_segment: OnSegment | None = None,
        budget: DecodeBudget | None = None,
        keyframes: KeyframeDecoder | None = None,
    ) -> None:
        """`observer` reads this camera's plates and no other's; `wait` is how a film's pace is kept; `ingest` receives
        RTSP for all cameras; `on_segment` hears of each GOP of a clip before the sink gets the whole; `budget` caps
        full decoding and `keyframes` decodes them, for all cameras.

        Raises SettingsError for a source that cannot be.
        """
        self._camera = camera
        self._motion_settings = motion
        self._clips = clips
        self._sink = sink
        self._clock = clock
        self._guard = threading.RLock()
        self._source = open_source(camera, self, clock, ingest=ingest, wait=wait)
        self._ring = GopRing(clips.pre_roll_seconds + RING_MARGIN_SECONDS, clips.ring_bytes_max)
        self.outlet = Outlet(self._ring.newest_gop, self._guard)
        """The stream that is kept, for whoever watches live."""
        self._rates = StreamRates()
        self._recorder = ClipRecorder(clips.post_roll_seconds, clips.clip_seconds_max, camera.camera_id, on_segment)
        self._plates = PlateShow(camera.camera_id, observer, plates, sink.record_read) if observer else None
        self._room = self._plates.room if self._plates is not None else None
        self._budget = budget or DecodeBudget(motion.full_decodes_max)
        self._keyframes = keyframes or KeyframeDecoder()
        self._sub = (
            SubStream(camera, clock, ingest, watch=self._watch_small, tell=self._tell, guard=self._guard)
            if camera.sub_source
            else None
        )
        self._led: LedPictures | None = None
        self._state: Literal["starting", "streaming", "lost"] = "starting"
        self._stream: StreamInfo | None = None
        self._motion: MotionWatch | None = None
        self._motion_id = ""
        self._newest: Packet | None = None
        self._lost_at: datetime | None = None
        self._is_stopped = False
        self._log = log.bind(camera_id=camera.camera_id)
        self.has_ended = threading.Event()
        """Set when a file that is not looped has been played to its end."""

    @property
    def camera_id(self) -> str:
        """The camera's id."""
        return self._camera.camera_id

    def start(self) -> None:
        """Begin to watch."""
        if self._plates is not None:
            self._plates.start()
        self._source.start()
        if self._sub is not None:
            self._sub.start()

    def stop(self) -> None:
        """Stop the camera, then finish the open motion, clip and reads; blocks for seconds where the camera hangs."""
        self._source.stop()
        if self._sub is not None:
            self._sub.stop()
        with self._guard:
            self._finish()
            self._is_stopped = True
        if self._plates is not None:
            self._plates.stop()

    def health(self) -> CameraHealth:
        """How the camera fares now."""
        with self._guard:
            return CameraHealth(
                camera_id=self._camera.camera_id,
                name=self._camera.label,
                state=self._state,
                frames_per_second=round(self._rates.frames_per_second, 1),
                kbps=round(self._rates.kbps, 1),
                moving=self._watching is not None and self._watching.is_moving,
            )

    def reception(self) -> SourceStatistics:
        """How receiving fares, and what it cost; both streams together."""
        main = self._source.statistics()
        return main if self._sub is None else main.with_other(self._sub.statistics())

    @property
    def gate_verdict(self) -> GateVerdict | None:
        """Whether the camera's packet sizes tell of motion; None while it does not stream."""
        motion = self._watching
        return motion.gate_verdict if motion is not None else None

    @property
    def skipped_packets(self) -> int:
        """Packets of the open stream that waited too long for full decoding, and were never shown to plates."""
        shown = self._led if self._sub is not None and self._sub.motion is not None else self._motion
        return shown.skipped_packets if shown is not None else 0

    @property
    def dropped_frames(self) -> int:
        """Frames that the plate reader was too slow for."""
        return self._plates.dropped_frames if self._plates is not None else 0

    @property
    def sub_outlet(self) -> Outlet | None:
        """The smaller stream, where the camera has one."""
        return self._sub.outlet if self._sub is not None else None

    # What the source calls, on its thread.

    def on_stream(self, stream: StreamInfo) -> None:
        """Packets of `stream` follow, which do not continue those before."""
        with self._guard:
            if self._is_stopped:
                return
            self._finish()
            self._stream, self._state = stream, "streaming"
            self.outlet.begin(stream)
            self._motion = self._watch(stream, needs_pictures=self._plates is not None)
            self._led = LedPictures(stream.codec, self._budget, room=self._room)
            now = self._clock.now()
            if self._lost_at is not None:
                self._record_gap(self._lost_at, now)
                self._lost_at = None
            self._record_state("streaming", now)

    def on_packet(self, packet: Packet) -> None:
        """The next packet: ring, clips, motion, plates."""
        with self._guard:
            motion = self._motion
            if self._is_stopped or self._stream is None or motion is None:
                return
            self._newest = packet
            self._rates.feed(packet)
            self._ring.append(packet)
            self.outlet.feed(packet)
            self._keep(self._recorder.feed(packet))
            if self._sub is not None:
                self._sub.follow(packet)
                if self._sub.motion is not None and self._led is not None:
                    self._tell(self._led.feed(packet))
                    self._show(self._led)
                    return
            had_rare_keyframes = motion.has_rare_keyframes
            self._tell(motion.feed(packet))
            self._show(motion)
            if motion.has_rare_keyframes and not had_rare_keyframes:
                self._log.warning(
                    "keyframes are rare, so all is decoded: set the camera's I-frame interval to 1 or 2 seconds"
                )

    def on_lost(self, error: CaptureError) -> None:
        """No packets come until further notice."""
        self._lose(str(error))

    def on_end(self) -> None:
        """A file has been played to its end."""
        self._lose(_("the film has ended"))
        self.has_ended.set()

    # Who watches.

    @property
    def _watching(self) -> MotionWatch | None:
        """What judges motion now."""
        is_small = self._sub is not None and self._sub.motion is not None
        return self._sub.motion if self._sub is not None and is_small else self._motion

    def _watch(self, stream: StreamInfo, *, needs_pictures: bool) -> MotionWatch:
        return MotionWatch(
            self._motion_settings,
            stream,
            zones=self._camera.zones,
            masks=self._camera.masks,
            needs_pictures=needs_pictures,
            budget=self._budget,
            keyframes=self._keyframes,
            room=self._room,
        )

    def _watch_small(self, stream: StreamInfo) -> MotionWatch:
        """The small stream takes over; what the large one may have seen ends, and it begins anew when it must."""
        if self._motion is not None and self._stream is not None:
            self._tell(self._motion.finish())
            self._motion = self._watch(self._stream, needs_pictures=self._plates is not None)
        return self._watch(stream, needs_pictures=False)

    # What follows from it.

    def _lose(self, detail: str) -> None:
        with self._guard:
            if self._is_stopped:
                return
            self._finish()
            now = self._clock.now()
            self._lost_at = self._newest.at if self._newest is not None else now
            self._state, self._stream = "lost", None
            self.outlet.end()
            self._record_state("lost", now, detail)

    def _finish(self) -> None:
        """End the open motion and its clip; what follows does not continue what was."""
        if self._sub is not None:
            self._sub.finish()
        if self._led is not None:
            self._led.rest()
        if self._motion is not None:
            self._tell(self._motion.finish())
            self._motion = None
            if self._plates is not None:
                self._plates.caught_up()
        self._keep(self._recorder.finish())
        self._ring.clear()
        self._rates.clear()

    def _tell(self, observation: Iterable[MotionChange | Seen]) -> None:
        for seen in observation:
            if not isinstance(seen, MotionChange):
                if self._plates is not None:
                    self._plates.see(seen)
            elif seen.kind == "started":
                self._start_motion(seen, self._at(seen.position_seconds))
            else:
                self._end_motion(seen, self._at(seen.position_seconds))

    def _show(self, motion: MotionWatch | LedPictures) -> None:
        """Close what has been shown whole; stop full decoding where it brings no more plates, until it does again."""
        if self._plates is None:
            return
        if not motion.is_behind:
            self._plates.caught_up()
        if self._plates.is_settled:
            motion.settle()
        else:
            motion.unsettle()

    def _start_motion(self, change: MotionChange, at: datetime) -> None:
        self._motion_id = unique_id(at)
        self._sink.record(
            MotionStarted(
                at=at,
                camera_id=self.camera_id,
                motion_id=self._motion_id,
                score=change.score,
                region=change.region,
            )
        )
        if self._plates is not None:
            self._plates.motion_started(self._motion_id, change.position_seconds)
        if self._stream is not None:
            if self._plates is not None and self._led is not None and self._watching is not self._motion:
                self._led.begin(self._ring.since(change.position_seconds))
            pre_roll = self._ring.since(change.position_seconds - self._clips.pre_roll_seconds)
            self._keep(self._recorder.motion_started(self._motion_id, self._stream, pre_roll))

    def _end_motion(self, change: MotionChange, at: datetime) -> None:
        self._sink.record(
            MotionEnded(at=at, camera_id=self.camera_id, motion_id=self._motion_id, peak_score=change.score)
        )
        self._recorder.motion_ended(self._motion_id, change.position_seconds)
        if self._led is not None:
            self._led.end()
        if self._plates is not None:
            self._plates.motion_ended(change.position_seconds, at)

    def _keep(self, recorded: Sequence[RecordedClip]) -> None:
        for clip in recorded:
            try:
                self._sink.keep_clip(finish_clip(self.camera_id, clip))
            except CaptureError as error:
                self._log.error("clip cannot be written", reason=str(error))
                self._record_gap(clip.packets[0].at, clip.packets[-1].at)

    def _record_state(self, state: Literal["streaming", "lost"], at: datetime, detail: str = "") -> None:
        stream = self._stream
        self._sink.record(
            CameraChanged(
                at=at,
                camera_id=self.camera_id,
                state=state,
                codec=stream.codec if stream else "",
                width_px=stream.width_px if stream else 0,
                height_px=stream.height_px if stream else 0,
                detail=detail[:_DETAIL_CHARS_MAX],
            )
        )

    def _record_gap(self, at: datetime, ended_at: datetime) -> None:
        self._sink.record(
            GapRecorded(
                at=at, camera_id=self.camera_id, gap_id=unique_id(at), ended_at=max(at, ended_at), reason="camera_lost"
            )
        )

    def _at(self, position_seconds: float) -> datetime:
        """The wall clock's time of a position near the newest packet."""
        if self._newest is None:
            return self._clock.now()
        return self._newest.at + timedelta(seconds=position_seconds - self._newest.position_seconds)
