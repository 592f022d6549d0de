"""One camera's motion: decides what is decoded, and judges it (docs/design/motion.md).

```
            keyframe looks still                      what moves is told, and plates need no more
          ┌──────────────────┐                      ┌──────────────────────────────────────────┐
          ▼                  │                      ▼                                          │
        rest ──keyframe looks moving, or the gate speaks──→ wake: the packets kept are decoded ─┘
                                                     (waiting for a slot: keyframes are judged meanwhile)
```
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from vigie_agent.camera_settings import MotionSettings
from vigie_agent.capture.packets import Packet, StreamInfo
from vigie_agent.motion.backlog import Backlog
from vigie_agent.motion.budget import DecodeBudget
from vigie_agent.motion.decoder import DecodedFrame, FrameDecoder, KeyframeDecoder
from vigie_agent.motion.detector import Box, MotionChange, MotionDetector
from vigie_agent.motion.gate import GateVerdict, PacketGate
from vigie_agent.motion.grid import Grid, grid_of
from vigie_agent.motion.zones import Area

CATCH_UP_PACKETS: Final = 12
"""Packets decoded at most per packet that comes: a camera catches up so many times faster than it sends, if its
pictures are wanted so fast."""
LOOK_SECONDS: Final = 0.6
"""A doubt is followed for so long beyond the packet that raised it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture decoded while something moves."""

    frame: DecodedFrame
    region: Box | None
    """Where something moved when last judged, as shares of the picture."""


Observation = list[MotionChange | Seen]
"""What a packet showed, in order."""


class MotionWatch:
    """Keyframes while all is quiet; everything where something seems to move, from before it did.

    A camera with rare keyframes is decoded fully: between two of them a car would come and go unseen.
    """

    def __init__(
        self,
        settings: MotionSettings,
        stream: StreamInfo,
        *,
        zones: Sequence[Area] = (),
        masks: Sequence[Area] = (),
        needs_pictures: bool = False,
        budget: DecodeBudget | None = None,
        keyframes: KeyframeDecoder | None = None,
        room: Callable[[], int] | None = None,
    ) -> None:
        """`needs_pictures`: somebody wants all pictures of a motion, until `settle` is called.

        `room` says how many of them can be taken now: what waits is caught up with no faster than that, but never
        slower than packets come. `budget` and `keyframes` are shared by the cameras of an agent.
        """
        self._settings = settings
        self._stream = stream
        self._needs_pictures = needs_pictures
        self._budget = budget or DecodeBudget(1)
        self._keyframes = keyframes or KeyframeDecoder()
        self._room = room
        self._gate = PacketGate(stream.codec)
        self._detector = MotionDetector(settings, zones, masks)
        self._backlog = Backlog(settings.waiting_bytes_max)
        self._decoder: FrameDecoder | None = None
        self._is_wanted = False
        self._is_settled = False
        self._is_gate_asking = False
        self._awake_until_seconds = 0.0
        self._step_seconds = 1 / settings.frames_per_second_max
        self._judged_at_seconds = self._shown_at_seconds = self._moved_until_seconds = -math.inf
        self._keyframe_at_seconds = math.inf
        self._has_slot = False
        self.corrupt_packets = 0

    @property
    def is_moving(self) -> bool:
        """Whether a motion has started and not ended."""
        return self._detector.is_moving

    @property
    def is_decoding(self) -> bool:
        """Whether all is decoded."""
        return self._decoder is not None

    @property
    def is_behind(self) -> bool:
        """Whether packets wait to be decoded."""
        return len(self._backlog) > 0

    @property
    def skipped_packets(self) -> int:
        """Packets that waited so long that there was no room for them; keyframes were judged all the same."""
        return self._backlog.skipped_packets

    @property
    def gate_verdict(self) -> GateVerdict:
        """Whether packet sizes tell of motion at this camera."""
        return self._gate.verdict

    @property
    def has_rare_keyframes(self) -> bool:
        """Whether the camera forces full decoding."""
        gop_seconds = self._gate.verdict.gop_seconds
        return gop_seconds is not None and gop_seconds > self._settings.keyframe_seconds_max

    def settle(self) -> None:
        """Nobody needs more pictures of this motion but its keyframes; they also tell when it ends."""
        if self.is_moving and not self._is_settled:
            self._is_settled = True
            self._backlog.forget_waiting()

    def unsettle(self) -> None:
        """All pictures of this motion are needed again, from the newest keyframe on."""
        self._is_settled = False

    def feed(self, packet: Packet) -> Observation:
        """Look at `packet`, or leave it undecoded."""
        speaks = self._gate.feed(packet)
        self._backlog.keep(packet)
        observation: Observation = []
        if packet.is_keyframe:
            self._keyframe_at_seconds = packet.position_seconds
        if self._must_decode(packet.position_seconds):
            self._want(packet.position_seconds)
        elif speaks and not self._is_wanted and not self.is_moving:
            self._is_gate_asking = True
            self._want(packet.position_seconds)
        if self._is_wanted:
            self._backlog.queue(packet)
        elif packet.is_keyframe:
            self._look_at_keyframe(packet, observation)
        if len(self._backlog):
            self._catch_up(packet, observation)
        if not len(self._backlog) and self._may_rest(packet.position_seconds):
            self._rest()
        return observation

    def finish(self) -> Iterator[MotionChange | Seen]:
        """No packets follow: what waits is decoded as it is asked for, and an open motion ends."""
        last: Packet | None = None
        if self._decoder is None and len(self._backlog):
            self._decoder = FrameDecoder(self._stream.codec)
        while self._decoder is not None and len(self._backlog):
            last = self._backlog.take()
            yield from self._judge_all(self._decoder.decode(last), [])
        if self._decoder is not None and last is not None:
            yield from self._judge_all(self._decoder.finish(last), [])
        self._rest()
        yield from self._detector.finish()

    def _must_decode(self, position_seconds: float) -> bool:
        """Keyframes are rare, or this one is late; or a motion's pictures are needed again."""
        if self.is_moving and self._needs_pictures and not self._is_settled:
            return True
        late_seconds = self._settings.keyframe_seconds_max * 1.2
        return self.has_rare_keyframes or position_seconds - self._keyframe_at_seconds > late_seconds

    def _look_at_keyframe(self, packet: Packet, observation: Observation) -> None:
        """Compare a keyframe; where it seems to move, decode from the keyframe before."""
        frame = self._keyframes.decode(self._stream, packet)
        if frame is None:
            self.corrupt_packets += 1
            return
        grid = grid_of(frame.luma())
        if self.is_moving or not self._detector.looks_moving(frame.position_seconds, grid):
            self._judge(frame, observation, grid=grid)
        else:
            self._want(packet.position_seconds)

    def _want(self, position_seconds: float) -> None:
        """Decode what is kept and what comes, as soon as there is a slot."""
        if not self._is_wanted:
            self._is_wanted = True
            self._awake_until_seconds = position_seconds + LOOK_SECONDS
            self._backlog.queue_kept(self._judged_at_seconds)

    def _catch_up(self, newest: Packet, observation: Observation) -> None:
        """Decode some of what waits; without a slot judge the newest keyframe, so that nothing is told late."""
        if self._decoder is None:
            self._has_slot = not self.has_rare_keyframes and self._budget.take()
            if not self._has_slot and not self.has_rare_keyframes:
                self._judge_deferred(newest, observation)
                return
            self._decoder = FrameDecoder(self._stream.codec)
        corrupt_before = self._decoder.corrupt_packets
        room = CATCH_UP_PACKETS if self._room is None else self._room()
        for index in range(min(CATCH_UP_PACKETS, len(self._backlog))):
            if index and sum(isinstance(one, Seen) for one in observation) >= room:
                break
            self._judge_all(self._decoder.decode(self._backlog.take()), observation)
        self.corrupt_packets += self._decoder.corrupt_packets - corrupt_before

    def _judge_deferred(self, newest: Packet, observation: Observation) -> None:
        if newest.is_keyframe:
            frame = self._keyframes.decode(self._stream, newest)
            if frame is not None:
                self._judge(frame, observation, is_shown=False)
        if self._may_rest(newest.position_seconds):
            self._is_wanted = False
            if not self._needs_pictures:
                self._backlog.forget_waiting()

    def _judge_all(self, frames: Sequence[DecodedFrame], observation: Observation) -> Observation:
        for frame in frames:
            self._judge(frame, observation, is_dense=True)
        return observation

    def _judge(
        self,
        frame: DecodedFrame,
        observation: Observation,
        *,
        grid: Grid | None = None,
        is_dense: bool = False,
        is_shown: bool = True,
    ) -> None:
        """Let the detector see `frame` if one is due, and others if they want pictures of what moves."""
        position_seconds = frame.position_seconds
        was_moving = self.is_moving
        changes: list[MotionChange] = []
        if self._is_due(position_seconds, is_dense=is_dense):
            self._judged_at_seconds = position_seconds
            changes = self._detector.feed(position_seconds, grid_of(frame.luma()) if grid is None else grid)
        is_of_motion = was_moving or self.is_moving or position_seconds <= self._moved_until_seconds
        is_new = position_seconds > self._shown_at_seconds
        starts = [change for change in changes if change.kind == "started"]
        observation.extend(starts)
        if self._needs_pictures and is_shown and is_of_motion and is_new:
            self._shown_at_seconds = position_seconds
            observation.append(Seen(frame, self._detector.region))
        observation.extend(change for change in changes if change.kind == "ended")
        if was_moving and not self.is_moving:
            self._is_settled = False
            self._moved_until_seconds = position_seconds

    def _is_due(self, position_seconds: float, *, is_dense: bool) -> bool:
        """Of dense pictures one in a while is due; a keyframe is, unless it has been judged already."""
        since = position_seconds - self._judged_at_seconds
        return since >= self._step_seconds * 0.99 if is_dense else since > 0

    def _may_rest(self, position_seconds: float) -> bool:
        if self._must_decode(position_seconds) or position_seconds < self._awake_until_seconds:
            return False
        return self.is_moving or not self._detector.is_in_doubt

    def _rest(self) -> None:
        """From now on keyframes alone."""
        if self._is_gate_asking and not self.is_moving:
            self._gate.deny()
        self._is_gate_asking = self._is_wanted = False
        self._decoder = None
        if self._has_slot:
            self._has_slot = False
            self._budget.give_back()
