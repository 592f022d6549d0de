"""How far pulls have come, for whoever watches: what is here, how fast the rest comes, why nothing does."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from vigie_hub.video.pull.pieces import Quality
from vigie_hub.video.pull.roads import Road
from vigie_hub.video.pull.transfer import Transfer
from vigie_shared.signaling import ClipPriority
from vigie_shared.transfer import Index, Manifest

State = Literal["queued", "pulling", "partial", "stopped", "failed"]
Waits = Literal["queued", "agent", "link", "making", "again"]
"""Behind other pulls; for the agent to come back; for a turn on its link; for the small film that the agent makes; a
moment, since something broke."""
TELL_SECONDS: Final = 0.25
"""Between two words about bytes that came; what else changes is told at once."""
_PACE_SECONDS: Final = 5.0


class Watcher(Protocol):
    """Hears of one pull."""

    def moved(self, transfer: Transfer, road: Road) -> None:
        """The holder said something."""
        ...

    def waits(self, why: Waits, detail: str) -> None:
        """Nothing comes now."""
        ...


@dataclass(slots=True)
class Seen:
    """What is here of a clip before all of it is; each piece is verified."""

    manifest: Manifest | None = None
    index: Index | None = None
    heads: frozenset[int] = frozenset()
    """Which keyframes of the index, by number."""
    prefix_bytes: int = 0
    """How far the original is here from its first byte on."""
    small: Manifest | None = None
    """Of the sub-stream."""
    small_bytes: int = 0
    """How far the sub-stream is here."""

    def rungs(self) -> tuple[Quality, ...]:
        """Those that are here, the least first."""
        heads = 0 if self.index is None else len(self.index.heads)
        here: list[Quality] = []
        if heads and heads // 2 in self.heads:
            here.append("thumbnail")
        if heads and len(self.heads) == heads:
            here.append("keyframes")
        if self.small is not None and self.small_bytes == self.small.bytes:
            here.append("sub")
        return tuple(here)

    def take(self, transfer: Transfer, quality: Quality) -> None:
        """What an attempt has come to. Once it knows nothing yet, what was known stays."""
        if transfer.manifest is None or not transfer.has_looked:
            return
        if quality == "sub":
            self.small, self.small_bytes = transfer.manifest, transfer.prefix_bytes
            return
        self.manifest = transfer.manifest
        self.prefix_bytes = max(self.prefix_bytes, transfer.prefix_bytes)
        if transfer.index is not None:
            self.index, self.heads = transfer.index, transfer.heads_here()


@dataclass(slots=True)
class PullState:
    """How far a pull has come."""

    state: State
    bytes: int = 0
    """Verified so far, of the rung under way."""
    seconds: float = 0.0
    """Since it began, at the last progress."""
    detail: str = ""
    """Why it failed, or waits."""
    priority: ClipPriority = "clip"
    wanted: tuple[Quality, ...] = ("original",)
    """What is still to come, in this order."""
    quality: Quality | None = None
    """The rung under way, or the last one that was."""
    arrived_bytes: int = 0
    """Of it, verified or not yet."""
    of_bytes: int = 0
    """What it takes; 0 until that is known."""
    bytes_per_second: float | None = None
    road: Road | None = None
    waits: Waits | None = "queued"
    ahead: int = 0
    """Pulls that go before it."""
    refused: tuple[Quality, ...] = ()
    """What the agent does not offer."""
    seen: Seen = field(default_factory=Seen)

    @property
    def eta_seconds(self) -> float | None:
        """Until the rung under way is here, at the rate of the last seconds."""
        if not self.bytes_per_second or not self.of_bytes:
            return None
        return (self.of_bytes - self.arrived_bytes) / self.bytes_per_second

    def begin(self, quality: Quality) -> None:
        """A rung is under way."""
        self.state, self.quality, self.detail, self.waits = "pulling", quality, "", None
        self.bytes = self.arrived_bytes = self.of_bytes = 0
        self.bytes_per_second = self.road = None

    def end(self, state: State, detail: str = "") -> None:
        """Nothing is under way any more."""
        self.state, self.detail, self.waits = state, detail, None
        self.bytes_per_second = None
        self.ahead = 0


class Pace:
    """Bytes a second over the last few seconds, without a clock."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque()

    def arrived(self, now_seconds: float, total_bytes: int) -> float | None:
        """So many bytes have come by now; the rate, where that shows one."""
        self._marks.append((now_seconds, total_bytes))
        while len(self._marks) > 1 and self._marks[1][0] <= now_seconds - _PACE_SECONDS:
            self._marks.popleft()
        began_seconds, began_bytes = self._marks[0]
        lasted = now_seconds - began_seconds
        return (total_bytes - began_bytes) / lasted if lasted > 0 else None


class Watch:
    """Writes what a pull does into its state, and tells of it now and then."""

    def __init__(self, state: PullState, quality: Quality, now: Callable[[], float], tell: Callable[[], None]) -> None:
        """`now` is the monotonic clock."""
        self._state = state
        self._quality: Quality = quality
        self._now = now
        self._tell = tell
        self._began_seconds = now()
        self._told_seconds: float | None = None
        self._transfer: Transfer | None = None
        self._pace = Pace()

    def moved(self, transfer: Transfer, road: Road) -> None:
        """The holder said something."""
        if transfer is not self._transfer:  # another attempt counts from nothing again
            self._transfer, self._pace = transfer, Pace()
        state, now_seconds = self._state, self._now()
        waits: Waits | None = "link" if transfer.holder_waits else None
        has_looked = transfer.has_looked and not state.of_bytes
        is_news = has_looked or (state.waits, state.road) != (waits, road)
        is_more = has_looked or transfer.verified_bytes != state.bytes
        state.waits, state.road, state.detail = waits, road, ""
        state.bytes, state.arrived_bytes, state.of_bytes = (
            transfer.verified_bytes,
            transfer.arrived_bytes,
            transfer.wanted_bytes if transfer.has_looked else 0,
        )
        state.seconds = now_seconds - self._began_seconds
        state.bytes_per_second = None if waits else self._pace.arrived(now_seconds, transfer.received_bytes)
        if is_more:
            self.look()
        if is_news or self._told_seconds is None or now_seconds - self._told_seconds >= TELL_SECONDS:
            self._told_seconds = now_seconds
            self._tell()

    def waits(self, why: Waits, detail: str) -> None:
        """Nothing comes now."""
        state = self._state
        state.waits, state.detail, state.bytes_per_second = why, detail, None
        self._tell()

    def forget(self) -> None:
        """What came was wrong, and is gone."""
        seen, self._transfer = self._state.seen, None
        is_small = self._quality == "sub"
        self._state.seen = Seen(seen.manifest, seen.index, seen.heads, seen.prefix_bytes) if is_small else Seen()

    def look(self) -> None:
        """Note what is here now."""
        if self._transfer is not None:
            self._state.seen.take(self._transfer, self._quality)
