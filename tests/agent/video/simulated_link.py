"""A link without a network: the real pacer at one end, the real estimator at the other, and time of its own."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

from vigie_agent.video.ladder.ladder import Change, Ladder, RungCost
from vigie_agent.video.media.opening import BURST_BYTES, Opening
from vigie_agent.video.media.source import LinkFeedback
from vigie_shared.media import Rung
from vigie_shared.rtc.bandwidth import BandwidthEstimator
from vigie_shared.rtc.pacer import PACKET_OVERHEAD_BYTES, Pacer

TICK_SECONDS = 0.005
FEEDBACK_SECONDS = 0.25
PAYLOAD_BYTES = 1000
FIRST_WORD_PACKETS = 24


@dataclass(frozen=True)
class Stream:
    """A rung as a source gives it."""

    bits_per_second: float
    frames_per_second: float
    keyframe_bytes: int
    gop_seconds: float = 2.0

    def frame_bytes(self, number: int) -> int:
        """Of the `number`-th picture since it began."""
        per_gop = max(1, round(self.gop_seconds * self.frames_per_second))
        if number % per_gop == 0:
            return self.keyframe_bytes
        rest = self.bits_per_second * self.gop_seconds / 8 - self.keyframe_bytes
        return max(100, round(rest / max(1, per_gop - 1)))

    def is_keyframe(self, number: int) -> bool:
        return number % max(1, round(self.gop_seconds * self.frames_per_second)) == 0


STREAMS: Mapping[Rung, Stream] = {
    "main": Stream(4e6, 25, 120_000),
    "sub": Stream(8e5, 12, 30_000),
    "low": Stream(2.6e5, 8, 14_000, gop_seconds=10),
    "keyframes": Stream(1.2e5, 0.5, 30_000),
    "stills": Stream(6.4e4, 1, 8_000, gop_seconds=1),
}


@dataclass
class Link:
    """What the network does; `rate` may change with time."""

    rate: Callable[[float], float]
    one_way_seconds: float = 0.05
    lost: float = 0.0
    queue_bytes: int = 60_000
    seed: int = 1


@dataclass
class Run:
    """One viewer watching one camera, from the start of a connection on."""

    link: Link
    streams: Mapping[Rung, Stream]
    waiting: int = 0
    """Pictures that lie since the newest keyframe."""
    changes: list[tuple[float, Change]] = field(default_factory=list)
    arrived: list[tuple[float, Rung]] = field(default_factory=list)
    """When each whole picture was there."""
    filler_bits: float = 0.0

    def __post_init__(self) -> None:
        self.chance = Random(self.link.seed)
        self.now = 0.0
        self.costs: Sequence[RungCost] = [
            RungCost(rung, one.bits_per_second, 8 * one.keyframe_bytes) for rung, one in self.streams.items()
        ]
        self.ladder = Ladder(self.costs, 0.0)
        self.pacer = Pacer()
        self.pacer.allow_burst(BURST_BYTES)
        self.opening = Opening(2 * self.link.one_way_seconds, 0.0)
        self.estimator = BandwidthEstimator()
        self._queue_until = 0.0
        self._flying: deque[tuple[float, float, int, int | None]] = deque()
        """When it arrives, when it left, bytes, and the number of the picture of which it is the last packet."""
        self._back: deque[tuple[float, int]] = deque()
        self._estimate: float | None = None
        self._picture = 0
        self._next_picture = -self.waiting / self.streams["main"].frames_per_second
        self._begun: dict[int, Rung] = {}
        self._broken: set[int] = set()
        self._sent = self._missed = 0
        self._report = 0.0
        self._lost_share: float | None = None
        self._filler_owed = 0.0
        self._received = 0
        self._pace()

    def run(self, seconds: float) -> "Run":
        """Go on for that long."""
        until, feedback_at = self.now + seconds, self.now
        while self.now < until:
            self.now += TICK_SECONDS
            self._capture()
            if not self.opening.is_over(self.now):
                self._pace()
            self._send()
            self._arrive()
            if self.now >= feedback_at:
                feedback_at += FEEDBACK_SECONDS
                self._feed_back()
        return self

    def rung_at(self, seconds: float) -> Rung:
        """What was shown then."""
        before = [change.rung for at, change in self.changes if at <= seconds]
        return before[-1] if before else self.costs[0].rung

    def gap_seconds(self, begin: float, end: float) -> float:
        """The longest time without a new picture."""
        times = [begin, *(at for at, _rung in self.arrived if begin < at < end), end]
        return max(after - before for before, after in pairwise(times))

    def _capture(self) -> None:
        stream = self.streams[self.ladder.rung]
        while self._next_picture <= self.now:
            size = stream.frame_bytes(self._picture)
            parts = [bytes(min(PAYLOAD_BYTES, size - at)) for at in range(0, size, PAYLOAD_BYTES)]
            number = len(self._begun)
            self._begun[number] = self.ladder.rung
            self.pacer.push(parts, number, stream.is_keyframe(self._picture))
            self._picture += 1
            self._next_picture += 1 / stream.frames_per_second

    def _send(self) -> None:
        for piece in self.pacer.take(self.now):
            for place, payload in enumerate(piece.payloads):
                is_last = piece.ends_frame and place == len(piece.payloads) - 1
                self._transmit(len(payload), piece.timestamp, is_last=is_last)
        self._filler_owed += self.ladder.filler_bits_per_second * TICK_SECONDS / 8
        while self._filler_owed >= PAYLOAD_BYTES:
            self._filler_owed -= PAYLOAD_BYTES
            self.filler_bits += 8 * PAYLOAD_BYTES
            self._transmit(PAYLOAD_BYTES, None, is_last=False)

    def _transmit(self, size: int, picture: int | None, *, is_last: bool) -> None:
        """Through a queue that is bounded, or into nowhere."""
        rate = self.link.rate(self.now) / 8
        begins = max(self.now, self._queue_until)
        self._sent += 1
        is_full = (begins - self.now) * rate + size > self.link.queue_bytes
        if is_full or self.chance.random() < self.link.lost:
            self._missed += 1
            if picture is not None and is_full:  # what the link loses by chance is repaired
                self._broken.add(picture)
            if is_full:
                return
        self._queue_until = begins + (size + PACKET_OVERHEAD_BYTES) / rate
        arrives = self._queue_until + self.link.one_way_seconds
        self._flying.append((arrives, self.now, size, picture if is_last else None))

    def _arrive(self) -> None:
        while self._flying and self._flying[0][0] <= self.now:
            arrived, left, size, picture = self._flying.popleft()
            self._received += 1
            fell = self.estimator.feed(int(left * (1 << 18)) % (1 << 24), size + PACKET_OVERHEAD_BYTES, arrived)
            if fell or self._received == FIRST_WORD_PACKETS:
                self._say(arrived)
            if picture is not None and picture not in self._broken:
                self.arrived.append((arrived, self._begun[picture]))
        while self._back and self._back[0][0] <= self.now:
            known, self._estimate = self._estimate, self._back.popleft()[1]
            self.opening.hear(self.now)
            self._pace()
            if known is None or self._estimate < known:
                self._adapt()

    def _say(self, now: float) -> None:
        """The estimate goes back: when it fell, and with each report."""
        self._back.append((now + self.link.one_way_seconds, self.estimator.say()))

    def _pace(self) -> None:
        is_open = self.opening.is_over(self.now)
        first = None if is_open else self.opening.bits_per_second(self.now, self.pacer.queue_bytes)
        known = [bits for bits in (self._estimate, self.ladder.pace_bits_per_second, first) if bits is not None]
        self.pacer.set_estimate(min(known, default=None))
        self.pacer.is_held = not is_open and self.opening.is_held(self.now)

    def _feed_back(self) -> None:
        if self.now - self._report >= 1.0:
            self._report = self.now
            self._say(self.now)
            self._lost_share = self._missed / self._sent if self._sent else 0.0
            self._sent = self._missed = 0
        self._adapt()

    def _adapt(self) -> None:
        waiting = max(0.0, self._queue_until - self.now)
        feedback = LinkFeedback(
            now_seconds=self.now,
            estimate_bits_per_second=self._estimate,
            fraction_lost=self._lost_share,
            round_trip_seconds=2 * self.link.one_way_seconds + waiting,
            queued_seconds=self.pacer.queue_seconds,
        )
        change = self.ladder.feed(feedback, self.costs)
        self._pace()
        if change is not None:
            self.changes.append((self.now, change))
            self.pacer.clear()
            self._picture = 0
            self._next_picture = self.now
