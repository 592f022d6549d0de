"""Who sends more than any agent has reason to, told from what nats-server counts. Sans I/O.

An honest agent is held back by its receipts (`vigie_agent.uplink.outbox`) and by its link's budget: what is allowed
here is far beyond what it sends for long, so that a flood is unmistakable.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from vigie_hub.bus.traffic import Load, Session, Traffic

MESSAGES_PER_SECOND: Final = 500.0
MESSAGES_BURST: Final = 4_000.0
"""More than all lanes of an agent may leave without a receipt."""
BYTES_PER_SECOND: Final = 4e6
BYTES_BURST: Final = 32e6
SESSION_MESSAGES: Final = 100.0
"""What a login costs, in messages: an agent that comes and goes many times a second is a flood too."""
SESSIONS_MAX: Final = 16
"""Connections of one key at once. Each login of an agent may leave one behind, until nats-server misses it."""
LOOK_MESSAGES: Final = MESSAGES_BURST / 4
LOOK_BYTES: Final = BYTES_BURST / 4
"""What all connections together may send before each is looked at: nobody can have sent more."""
_KEYS_MAX: Final = 20_000
_SESSIONS_KEPT_MAX: Final = 40_000
_SERVERS_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class Flood:
    """A key that sent more than it may; `messages` and `bytes` are those since it was last looked at."""

    key: str
    messages: int
    bytes: int


@dataclass(slots=True)
class _Bucket:
    messages: float
    bytes: float
    at_seconds: float

    def spend(self, messages: float, bytes_: float, now_seconds: float) -> bool:
        """Whether that much was left."""
        passed = max(0.0, now_seconds - self.at_seconds)
        self.messages = min(MESSAGES_BURST, self.messages + passed * MESSAGES_PER_SECOND) - messages
        self.bytes = min(BYTES_BURST, self.bytes + passed * BYTES_PER_SECOND) - bytes_
        self.at_seconds = now_seconds
        return self.messages >= 0 and self.bytes >= 0


class Looks:
    """When it is worth looking at single connections: not while all of them together send too little for a flood."""

    def __init__(self) -> None:
        self._looked_at: dict[str, Load] = {}

    def feed(self, load: Load) -> bool:
        """Whether to look now; if so, what was sent up to now counts as looked at."""
        before = self._looked_at.get(load.server_id)
        if (
            before is not None
            and 0 <= load.messages - before.messages < LOOK_MESSAGES
            and 0 <= load.bytes - before.bytes < LOOK_BYTES
        ):
            return False
        if before is None and len(self._looked_at) >= _SERVERS_MAX:
            self._looked_at.clear()  # each start of a server gives it another id
        self._looked_at[load.server_id] = load
        return True


class Floods:
    """Two buckets a key, of messages and of bytes, for all its connections together."""

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}
        self._counted: dict[Session, tuple[int, int]] = {}

    def feed(self, traffic: Iterable[Traffic], now_seconds: float) -> list[Flood]:
        """Those who are beyond what they may, having been looked at again; each starts anew."""
        sent: dict[str, list[int]] = {}
        for one in traffic:
            messages, bytes_ = self._fresh(one)
            total = sent.setdefault(one.key, [0, 0])
            total[0] += messages
            total[1] += bytes_
        return [
            self._drop(key, messages, bytes_)
            for key, (messages, bytes_) in sent.items()
            if not self._bucket(key, now_seconds).spend(messages, bytes_, now_seconds)
        ]

    def came(self, key: str, sessions: int, now_seconds: float) -> list[Flood]:
        """A connection was made, and there are so many of that key now."""
        if self._bucket(key, now_seconds).spend(SESSION_MESSAGES, 0, now_seconds) and sessions <= SESSIONS_MAX:
            return []
        return [self._drop(key, 0, 0)]

    def _fresh(self, one: Traffic) -> tuple[int, int]:
        """What is new of a connection; of one that was not known before, what it should not have sent by its age."""
        before = self._counted.pop(one.session, None)
        if before is None:
            before = int(one.age_seconds * MESSAGES_PER_SECOND), int(one.age_seconds * BYTES_PER_SECOND)
        elif len(self._counted) >= _SESSIONS_KEPT_MAX:
            self._counted.pop(next(iter(self._counted)))
        self._counted[one.session] = (one.messages, one.bytes)
        return max(0, one.messages - before[0]), max(0, one.bytes - before[1])

    def _bucket(self, key: str, now_seconds: float) -> _Bucket:
        bucket = self._buckets.pop(key, None) or _Bucket(MESSAGES_BURST, BYTES_BURST, now_seconds)
        if len(self._buckets) >= _KEYS_MAX:
            self._buckets.pop(next(iter(self._buckets)))
        self._buckets[key] = bucket  # the last: whoever was not heard for longest is forgotten first
        return bucket

    def _drop(self, key: str, messages: int, bytes_: int) -> Flood:
        del self._buckets[key]
        return Flood(key, messages, bytes_)
