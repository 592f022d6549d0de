"""Which of a camera's streams a link carries, without I/O: down within a second, up after ten, by trying it out first.

```
main → sub → low (transcoded) → keyframes → stills
```

What the other side estimates grows by itself while nothing is late, so it proves nothing about more than is sent.
Before it climbs, the ladder therefore asks for filler (repeated packets that nobody misses) beside the video: a little
more for a moment, then twice that, up to what the higher rung costs. What shows is never at stake, and where the filler
meets a queue the ladder stays, and waits twice as long until the next time.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vigie_agent.video.media.source import LinkFeedback
from vigie_shared.media import Rung, ShowingReason

QUEUED_SECONDS_MAX: Final = 1.0
LOST_MAX: Final = 0.1
"""A radio link loses a few packets in a hundred and is not full."""
DELAYED_SECONDS_MAX: Final = 0.6
FILLER_LOST_MAX: Final = 0.25
"""Of some dozens of packets, one in six is chance."""
SETTLE_SECONDS: Final = 1.0
"""After a change, queues and losses are still those of the rung before; only the estimate says something."""
SETTLE_ESTIMATE_SECONDS: Final = 0.5
SETTLE_LOST_SECONDS: Final = 3.0
"""Losses are told once a second or so, of what was sent a while ago, through the queue that the rung before left, or
the filler.
"""
CLEAN_SECONDS: Final = 10.0
"""Without any sign of trouble, before it looks higher."""
CLEAN_SECONDS_MAX: Final = 160.0
TRIED_SECONDS: Final = 30.0
"""A rung that is lost again within this was a mistake: the next try waits twice as long."""
FITS: Final = 0.95
"""A rung that costs this much of what is estimated is tried: while a queue drains, the estimate is a fifth too low."""
SHORT: Final = 0.7
"""Below this much of what a rung costs it falls at once; above, a queue must show first: estimates are rough."""
CLIMBS: Final = 1.2
"""What a rung costs must get through this many times before it is shown."""
KEYFRAME_SECONDS_MAX: Final = 2.0
"""A keyframe that takes longer is no picture of now."""
PACED: Final = 1.5
"""A rung may at least leave at this many times its rate, or its keyframes would hold up what follows."""
FILL_SECONDS: Final = 0.4
FILL_SECONDS_TO_CLIMB: Final = 1.0
"""Where a rung is at stake: a link that lacks a tenth of it shows no queue sooner. One that shows it ends the try."""
LISTEN_SECONDS: Final = 0.6
LOST_OVER_SECONDS: Final = 3.0
ROUND_TRIPS_KEPT: Final = 240


@dataclass(frozen=True, slots=True)
class RungCost:
    """A rung that can be had now, and what it takes."""

    rung: Rung
    bits_per_second: float
    keyframe_bits: float = 0.0
    """Of its largest keyframe, where that is known."""


@dataclass(frozen=True, slots=True)
class Change:
    """Show this from the next keyframe on."""

    rung: Rung
    reason: ShowingReason


@dataclass(slots=True)
class _Probe:
    """Filler up to `level_bits`, then a while of listening."""

    level_bits: float
    began_seconds: float
    estimate_bits: float | None
    lost: float
    passed_bits: float = 0.0


class Ladder:
    """One viewer's link. `feed` it a few times a second; the best rung comes first."""

    def __init__(
        self, rungs: Sequence[RungCost], now_seconds: float, *, cap_bits_per_second: float | None = None
    ) -> None:
        self._rungs = useful(rungs)
        self._cap_bits = cap_bits_per_second
        self.rung: Rung = self._rungs[0].rung
        self._changed_seconds = now_seconds - SETTLE_LOST_SECONDS
        self._clean_seconds = now_seconds
        self._climbed_seconds = self._tried_seconds = float("-inf")
        self._wait_seconds = CLEAN_SECONDS
        self._is_doubted = False
        self._lost = 0.0
        self._fed_seconds = now_seconds
        self._round_trips: deque[float] = deque(maxlen=ROUND_TRIPS_KEPT)
        self._probe: _Probe | None = None
        self._filler_bits = 0.0
        self._proven_bits: float | None = None

    @property
    def pace_bits_per_second(self) -> float | None:
        """No more than this at once, whatever is estimated: nothing faster has got through; None where it has."""
        return None if self._proven_bits is None else max(self._proven_bits, PACED * self._cost(self.rung))

    @property
    def filler_bits_per_second(self) -> float:
        """How much to send beside the video now, only to see whether it would get through."""
        return self._filler_bits

    def feed(self, feedback: LinkFeedback, rungs: Sequence[RungCost]) -> Change | None:
        """How the link fares and what the rungs cost now; what to change."""
        self._rungs = useful(rungs, self.rung)
        self._learn(feedback)
        if self.rung not in [one.rung for one in self._rungs]:
            reason: ShowingReason = "no_sub_stream" if self.rung == "sub" else "rate"
            return self._change(self._nearest(), reason, feedback.now_seconds)
        trouble = self._trouble(feedback)
        if trouble is None:
            self._is_doubted = False
            return self._climb(feedback)
        now_seconds = feedback.now_seconds
        if self._probe is not None:
            return self._give_up(now_seconds, self._probe)
        self._clean_seconds = now_seconds
        if not self._is_settled(feedback):
            return None
        if trouble == "delay" and not self._is_doubted:
            self._is_doubted = True  # once may be chance
            return None
        return self._fall(feedback, trouble)

    # What is seen.

    def _trouble(self, feedback: LinkFeedback) -> ShowingReason | None:
        """Why the rung that is shown does not fit; None where it does."""
        patience_seconds = KEYFRAME_SECONDS_MAX if self.rung == "keyframes" else 0.0
        if feedback.queued_seconds > QUEUED_SECONDS_MAX + patience_seconds:
            return "rate"
        delayed = self._delayed_seconds(feedback)
        if delayed > DELAYED_SECONDS_MAX:
            return "delay"
        if self._lost > LOST_MAX:
            return "loss"
        estimate = self._carried_bits(feedback)
        is_pressed = feedback.queued_seconds > 0.1 or self._lost > 0.02 or delayed > 0.1
        if estimate is not None and is_pressed and estimate < SHORT * self._cost(self.rung):
            return "rate"
        return None

    def _is_settled(self, feedback: LinkFeedback) -> bool:
        since_seconds = feedback.now_seconds - self._changed_seconds
        if since_seconds >= SETTLE_SECONDS + min(self._round_trips, default=0.0):
            return True
        carried = self._carried_bits(feedback)
        is_short = carried is not None and carried < SHORT * self._cost(self.rung)
        return is_short and since_seconds >= SETTLE_ESTIMATE_SECONDS

    def _carried_bits(self, feedback: LinkFeedback) -> float | None:
        known = [bits for bits in (feedback.estimate_bits_per_second, self._cap_bits) if bits is not None]
        return min(known, default=None)

    def _delayed_seconds(self, feedback: LinkFeedback) -> float:
        if feedback.round_trip_seconds is None or not self._round_trips:
            return 0.0
        return feedback.round_trip_seconds - min(self._round_trips)

    def _learn(self, feedback: LinkFeedback) -> None:
        """Losses over some seconds (of few packets, one in ten is chance), and the shortest round trip."""
        passed_seconds, self._fed_seconds = feedback.now_seconds - self._fed_seconds, feedback.now_seconds
        stirred_seconds = max(self._changed_seconds, self._tried_seconds)
        if self._probe is None and feedback.now_seconds - stirred_seconds >= SETTLE_LOST_SECONDS:
            share = 1 - math.exp(-passed_seconds / LOST_OVER_SECONDS)
            self._lost += share * ((feedback.fraction_lost or 0.0) - self._lost)
        if feedback.round_trip_seconds is not None:
            self._round_trips.append(feedback.round_trip_seconds)

    # Down.

    def _fall(self, feedback: LinkFeedback, reason: ShowingReason) -> Change | None:
        place = self._place()
        below = self._rungs[place + 1 :]
        if not below:
            return None
        carried = self._carried_bits(feedback)
        if carried is None or carried >= self._rungs[place].bits_per_second:
            target = below[0]
        else:
            target = next((one for one in below if _fits(one, carried)), below[-1])
        if carried is not None:
            self._proven_bits = min(carried, self._rungs[place].bits_per_second)
        was_tried = feedback.now_seconds - self._climbed_seconds < TRIED_SECONDS
        self._wait_seconds = min(CLEAN_SECONDS_MAX, 2 * self._wait_seconds) if was_tried else CLEAN_SECONDS
        self._climbed_seconds = float("-inf")
        return self._change(target.rung, reason, feedback.now_seconds)

    # Up.

    def _climb(self, feedback: LinkFeedback) -> Change | None:
        now_seconds = feedback.now_seconds
        if self._probe is not None:
            return self._listen(feedback, self._probe)
        place = self._place()
        quiet_seconds = now_seconds - max(self._changed_seconds, self._clean_seconds)
        if place == 0 and quiet_seconds >= TRIED_SECONDS:
            self._proven_bits = None
        if place == 0 or quiet_seconds < self._wait_seconds:
            return None
        carried = self._carried_bits(feedback)
        if carried is not None and carried < CLIMBS * self._rungs[place - 1].bits_per_second:
            return None
        self._begin(2 * self._cost(self.rung), feedback, passed_bits=0.0)
        return None

    def _begin(self, level_bits: float, feedback: LinkFeedback, passed_bits: float) -> None:
        level_bits = min(level_bits, CLIMBS * self._rungs[0].bits_per_second)
        estimate = feedback.estimate_bits_per_second
        self._probe = _Probe(level_bits, feedback.now_seconds, estimate, feedback.fraction_lost or 0.0, passed_bits)
        self._filler_bits = max(0.0, level_bits - self._cost(self.rung))

    def _listen(self, feedback: LinkFeedback, probe: _Probe) -> Change | None:
        estimate = feedback.estimate_bits_per_second
        fell = estimate is not None and probe.estimate_bits is not None and estimate < 0.95 * probe.estimate_bits
        lost = (feedback.fraction_lost or 0.0) > probe.lost + FILLER_LOST_MAX
        if fell or lost or feedback.queued_seconds > 0.25 or self._delayed_seconds(feedback) > 0.3:
            return self._give_up(feedback.now_seconds, probe)
        since_seconds = feedback.now_seconds - probe.began_seconds
        fill_seconds = FILL_SECONDS if self._proved_by(probe.level_bits) is None else FILL_SECONDS_TO_CLIMB
        if since_seconds >= fill_seconds:
            self._filler_bits = 0.0
        if since_seconds < fill_seconds + LISTEN_SECONDS + (feedback.round_trip_seconds or 0.0):
            return None
        carried = self._carried_bits(feedback)
        top = CLIMBS * self._rungs[0].bits_per_second
        following = 2 * probe.level_bits
        if probe.level_bits >= top or (carried is not None and carried < min(following, top)):
            return self._take(probe.level_bits, feedback.now_seconds)
        self._begin(following, feedback, passed_bits=probe.level_bits)
        return None

    def _give_up(self, now_seconds: float, probe: _Probe) -> Change | None:
        """The filler met a queue; what it passed before may be enough for a rung."""
        self._clean_seconds = now_seconds
        return self._take(probe.passed_bits, now_seconds)

    def _take(self, proven_bits: float, now_seconds: float) -> Change | None:
        self._probe, self._filler_bits, self._tried_seconds = None, 0.0, now_seconds
        better = self._proved_by(proven_bits)
        if better is None:
            self._wait_seconds = min(CLEAN_SECONDS_MAX, 2 * self._wait_seconds)
            self._clean_seconds = now_seconds
            if self._proven_bits is not None:
                self._proven_bits = max(self._proven_bits, proven_bits)
            return None
        self._climbed_seconds, self._proven_bits = now_seconds, proven_bits
        return self._change(better.rung, "recovered", now_seconds)

    def _proved_by(self, bits_per_second: float) -> RungCost | None:
        """The best rung above the one shown that a link fits which carries so much."""
        above = (one for one in self._rungs[: self._place()] if CLIMBS * one.bits_per_second <= bits_per_second)
        return next((one for one in above if _fits(one, bits_per_second)), None)

    # Rungs.

    def _change(self, rung: Rung, reason: ShowingReason, now_seconds: float) -> Change:
        self.rung, self._changed_seconds = rung, now_seconds
        self._is_doubted, self._lost, self._probe, self._filler_bits = False, 0.0, None, 0.0
        return Change(rung, reason)

    def _place(self) -> int:
        return next(place for place, one in enumerate(self._rungs) if one.rung == self.rung)

    def _cost(self, rung: Rung) -> float:
        return next(one.bits_per_second for one in self._rungs if one.rung == rung)

    def _nearest(self) -> Rung:
        """In place of a rung that is no longer there: the next lower one, else the lowest."""
        order = list(ORDER)
        lower = [one.rung for one in self._rungs if order.index(one.rung) > order.index(self.rung)]
        return lower[0] if lower else self._rungs[-1].rung


ORDER: Final[tuple[Rung, ...]] = ("clip", "main", "sub", "low", "keyframes", "stills")


def _fits(one: RungCost, bits_per_second: float) -> bool:
    return one.bits_per_second * FITS <= bits_per_second and one.keyframe_bits <= KEYFRAME_SECONDS_MAX * bits_per_second


def useful(rungs: Sequence[RungCost], shown: Rung | None = None) -> list[RungCost]:
    """Without those that show less than another one and cost as much, but with the one that is shown."""
    kept: list[RungCost] = []
    for one in rungs:
        if not kept or one.rung == shown or one.bits_per_second < kept[-1].bits_per_second:
            kept.append(one)
    return kept
