"""How much to ask for ahead: what the road carries in a few round trips, measured, without I/O and without a clock."""

from collections import deque
from typing import Final

WINDOW_BYTES: Final = 128 * 1024
"""Before anything is measured. More, at once, overruns the socket's buffer at aiortc's slow start: on loopback it cost
both ends half as much processor time again (docs/design/transfer.md)."""
WINDOW_BYTES_MIN: Final = 16 * 1024
WINDOW_BYTES_MAX: Final = 3 * 1024 * 1024
_AHEAD_SECONDS_MAX: Final = 2.0
ROUNDS: Final = 2.0
ROUNDS_OF_TCP: Final = 4.0
"""The kernel keeps the pace there. Its start more than doubles in each round trip, and a get that is lost takes three
to come again: with less ahead, the holder would have nothing to send meanwhile."""
GET_BYTES: Final = 64 * 1024
"""Asked for by one message before anything is measured, and always where messages are small."""
_GET_BYTES_MIN: Final = WINDOW_BYTES_MIN // 2
_GET_SECONDS: Final = 0.02
"""What one message asks for takes so long, at most the road's own limit: a holder answers one after the other."""
_GETS_AHEAD: Final = 8
"""On a long road, where more of them would be on their way than a holder keeps waiting, it asks for more."""
_GETS_AHEAD_MIN: Final = 4
"""On a short one, so that neither side waits for the other."""
_SAMPLE_SECONDS: Final = 0.05
_SAMPLES: Final = 20
"""The rate is the highest of the last so many samples: a pause of the sender is not a slower road."""


class Window:
    """Tell it what is asked and what arrives; `bytes` is how much may be on its way."""

    def __init__(self, most: int = WINDOW_BYTES_MAX, get_most: int = GET_BYTES, rounds: float = ROUNDS) -> None:
        """`get_most`: what one message may ask for on this road; `rounds`: of the road's round trips are kept full."""
        self._most = most
        self._get_most = get_most
        self._rounds = rounds
        self._asked: deque[tuple[float, int]] = deque()
        """When the bytes up to a total were asked for."""
        self._asked_bytes = self._arrived_bytes = 0
        self._round_trip_seconds: float | None = None
        self._rates: deque[float] = deque(maxlen=_SAMPLES)
        self._sample_began: tuple[float, int] | None = None

    @property
    def bytes(self) -> int:
        """What may be on its way."""
        if self._round_trip_seconds is None or not self._rates:
            return min(max(WINDOW_BYTES, 2 * self._get_most), self._most)
        ahead = max(WINDOW_BYTES, _GETS_AHEAD_MIN * self.get_bytes, self._carried_bytes())
        return int(min(self._most, max(WINDOW_BYTES_MIN, min(ahead, _AHEAD_SECONDS_MAX * max(self._rates)))))

    @property
    def get_bytes(self) -> int:
        """What one message asks for."""
        if not self._rates:
            return GET_BYTES
        wanted = max(_GET_BYTES_MIN, _GET_SECONDS * max(self._rates), self._carried_bytes() / _GETS_AHEAD)
        return int(min(self._get_most, wanted))

    def answered(self, seconds: float) -> None:
        """A question that took no room on the road was answered after so long."""
        self._round_trip_seconds = min(self._round_trip_seconds or seconds, max(seconds, 1e-4))

    def asked(self, now_seconds: float, count: int) -> None:
        """So many bytes more were asked for."""
        if self._asked_bytes == self._arrived_bytes:
            self._sample_began = (now_seconds, self._arrived_bytes)
        self._asked_bytes += count
        self._asked.append((now_seconds, self._asked_bytes))

    def arrived(self, now_seconds: float, count: int) -> None:
        """So many bytes more are here."""
        before, self._arrived_bytes = self._arrived_bytes, self._arrived_bytes + count
        while self._asked and self._asked[0][1] <= before:
            self._asked.popleft()
        if self._asked:
            waited = max(now_seconds - self._asked[0][0], 1e-4)
            self._round_trip_seconds = min(self._round_trip_seconds or waited, waited)
        self._measure(now_seconds)

    def _carried_bytes(self) -> float:
        """What the road carries in so many round trips."""
        return self._rounds * max(self._rates) * (self._round_trip_seconds or 0.0)

    def _measure(self, now_seconds: float) -> None:
        began_seconds, began_bytes = self._sample_began or (now_seconds, self._arrived_bytes)
        lasted = now_seconds - began_seconds
        if lasted >= max(_SAMPLE_SECONDS, self._round_trip_seconds or 0.0):
            self._rates.append((self._arrived_bytes - began_bytes) / lasted)
            self._sample_began = (now_seconds, self._arrived_bytes)
