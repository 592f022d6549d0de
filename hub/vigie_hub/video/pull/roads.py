"""Which road a pull takes: the faster one as far as it is known, the other where that one fails. No I/O, no clock."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

Road = Literal["tcp", "channel"]
RoadSetting = Literal["auto", "tcp", "channel"]
ROADS: Final[tuple[Road, ...]] = get_args(Road)
"""The one to try first, first: TCP costs a twentieth of the processor time of aiortc's SCTP."""
FAILED_SECONDS: Final = (60.0, 3600.0)
"""How long a road that did not open is left alone: the first time, and at most."""
PROBE_SECONDS: Final = 600.0
"""How old what is known of the other road may be before it is tried once more."""
PROBE_BYTES_MAX: Final = 4_000_000
"""Larger clips try nothing."""
COUNTS_BYTES_MIN: Final = 256 * 1024
"""Less says more of the round trip than of the rate."""
_NEW_SHARE: Final = 0.5
_AGENTS_MAX: Final = 10_000


@dataclass(slots=True)
class _Known:
    """What is known of one road to one agent."""

    bytes_per_second: float | None = None
    at_seconds: float = 0.0
    failures: int = 0
    shut_until_seconds: float = 0.0


@dataclass(slots=True)
class _Agent:
    roads: dict[Road, _Known] = field(default_factory=lambda: {road: _Known() for road in ROADS})


class Roads:
    """Remembers how fast each road to each agent was."""

    def __init__(self, setting: RoadSetting = "auto") -> None:
        self._setting: RoadSetting = setting
        self._agents: OrderedDict[str, _Agent] = OrderedDict()

    def choose(self, agent_id: str, clip_bytes: int, now_seconds: float) -> Road:
        """The road for a pull that begins, or goes on, now."""
        if self._setting != "auto":
            return self._setting
        known = self._known(agent_id)
        open_roads = [road for road in ROADS if known[road].shut_until_seconds <= now_seconds]
        if not open_roads:
            return min(ROADS, key=lambda road: known[road].shut_until_seconds)
        best = max(open_roads, key=lambda road: known[road].bytes_per_second or 0.0)  # the first of equals
        if clip_bytes > PROBE_BYTES_MAX or known[best].bytes_per_second is None:
            return best
        stale = [road for road in open_roads if now_seconds - known[road].at_seconds >= PROBE_SECONDS]
        return stale[0] if stale else best

    def arrived(self, agent_id: str, road: Road, count: int, seconds: float, now_seconds: float) -> None:
        """So many bytes came by it in so long."""
        known = self._known(agent_id)[road]
        known.failures = 0
        known.shut_until_seconds = 0.0
        if count < COUNTS_BYTES_MIN or seconds <= 0:
            return
        rate, before = count / seconds, known.bytes_per_second
        known.bytes_per_second = rate if before is None else _NEW_SHARE * rate + (1 - _NEW_SHARE) * before
        known.at_seconds = now_seconds

    def failed(self, agent_id: str, road: Road, now_seconds: float) -> None:
        """It did not open, or brought nothing."""
        known = self._known(agent_id)[road]
        shut_seconds = min(FAILED_SECONDS[0] * 2.0**known.failures, FAILED_SECONDS[1])
        known.failures = min(known.failures + 1, 16)
        known.shut_until_seconds = now_seconds + shut_seconds

    def bytes_per_second(self, agent_id: str, road: Road) -> float | None:
        """What is known of it."""
        return self._known(agent_id)[road].bytes_per_second

    def _known(self, agent_id: str) -> dict[Road, _Known]:
        agent = self._agents.pop(agent_id, None) or _Agent()
        self._agents[agent_id] = agent
        while len(self._agents) > _AGENTS_MAX:
            self._agents.popitem(last=False)
        return agent.roads
