"""The order in which events go out: sans I/O, no clock (docs/design/delivery.md, The outbox).

Each lane goes forward by its own cursor, a batch at a time, with a few batches of all lanes on their way at once.
What is lost on the way brings the lane back to the first batch that is missing (go-back-N).
"""

from collections import deque
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Final

from vigie_shared.events import LANES, Lane

FLIGHTS_MAX: Final = 16
URGENT_LANES: Final[frozenset[Lane]] = frozenset({"hit", "hlt"})
"""Hits and gaps wait neither for company nor for others' confirmations."""


UNREAD_MAX: Final = 512
"""Batches of a lane that may lie in the stream unread: half of what it keeps of one (`vigie_hub.sync.stream`)."""


@dataclass(frozen=True)
class Flight:
    """A batch on its way: events `first … last` of `lane`. A number is never used twice."""

    number: int
    lane: Lane
    first: int
    last: int


@dataclass
class _LaneState:
    newest: int = 0
    sent: int = 0
    """Everything up to here is acknowledged or on its way."""
    acked: int = 0
    """Everything up to here is in the stream, as far as nats-server says."""
    receipted: int = 0
    """Everything up to here is durable at the hub, which signed for it."""
    flights: deque[Flight] = field(default_factory=deque)
    unread: deque[int] = field(default_factory=deque)
    """The last events of batches that are in the stream and not receipted."""
    landed: set[int] = field(default_factory=set)
    """Flights that were acknowledged before an earlier one."""

    def turn_back(self, seq: int) -> None:
        """Send again what follows `seq`."""
        self.sent = self.acked = seq
        self.flights.clear()
        self.landed.clear()
        while self.unread and self.unread[-1] > seq:
            self.unread.pop()


class Outbox:
    """Cursors of all lanes. Sequences start at 1; 0 means none."""

    def __init__(self, flights_max: int = FLIGHTS_MAX) -> None:
        self.schema = 1
        """The version of batches to send: the newest that both sides know, as far as the hub has said."""
        self.is_halted = False
        """Nothing leaves: the hub has other events in this epoch than the store."""
        self.epochs_begun = 0
        self._flights_max = flights_max
        self._lanes: dict[Lane, _LaneState] = {lane: _LaneState() for lane in LANES}
        self._flight_count = 0

    def newest(self, lane: Lane) -> int:
        """The highest sequence that the store is known to hold."""
        return self._lanes[lane].newest

    def sent(self, lane: Lane) -> int:
        """Up to here everything was sent, and not turned back since."""
        return self._lanes[lane].sent

    def grow(self, newest: Mapping[Lane, int]) -> None:
        """The store holds events up to these sequences."""
        for lane, seq in newest.items():
            self._lanes[lane].newest = max(self._lanes[lane].newest, seq)

    def next_lane(self, ready: Container[Lane] = LANES) -> tuple[Lane, int] | None:
        """The most urgent `ready` lane with something to send, and after which sequence; None where there is none."""
        if self.is_halted:
            return None
        is_full = sum(len(state.flights) for state in self._lanes.values()) >= self._flights_max
        for lane, state in self._lanes.items():
            if len(state.unread) >= UNREAD_MAX:
                continue  # the hub is behind: what else came would push these out of the stream
            if state.sent < state.newest and lane in ready and (not is_full or lane in URGENT_LANES):
                return lane, state.sent
        return None

    def begin_epoch(self) -> None:
        """All sequences begin anew; what was on its way was of another epoch."""
        self._lanes = {lane: _LaneState() for lane in LANES}
        self.epochs_begun += 1
        self.is_halted = False

    def send(self, lane: Lane, last: int) -> Flight:
        """The events of `lane` up to `last` leave now."""
        state = self._lanes[lane]
        if not state.sent < last <= state.newest:
            raise ValueError(f"lane {lane}: {last} is not between {state.sent} and {state.newest}")
        self._flight_count += 1
        flight = Flight(self._flight_count, lane, state.sent + 1, last)
        state.flights.append(flight)
        state.sent = last
        return flight

    def skip(self, lane: Lane, seq: int | None) -> None:
        """The store no longer holds what `lane` should send next, up to `seq`; None where it holds nothing at all."""
        state = self._lanes[lane]
        state.turn_back(state.newest if seq is None else seq)

    def land(self, number: int) -> Flight | None:
        """nats-server has flight `number`; None where nobody waits for it any more."""
        for state in self._lanes.values():
            for flight in state.flights:
                if flight.number == number and number not in state.landed:
                    state.landed.add(number)
                    while state.flights and state.flights[0].number in state.landed:
                        first = state.flights.popleft()
                        state.landed.discard(first.number)
                        state.acked = first.last
                        state.unread.append(first.last)
                    return flight
        return None

    def crash(self, number: int) -> bool:
        """Flight `number` did not arrive: its lane goes back to it. False where nobody waits for it any more."""
        for state in self._lanes.values():
            for flight in state.flights:
                if flight.number == number and number not in state.landed:
                    state.turn_back(state.acked)
                    return True
        return False

    def lose_link(self) -> None:
        """What was on its way has an unknown fate: it goes out again."""
        for state in self._lanes.values():
            state.turn_back(state.acked)

    def receipt(self, watermarks: Mapping[Lane, int]) -> list[Lane]:
        """The hub's word. Lanes that it knows more of than the store ever wrote are returned, and left as they are.

        A watermark below an earlier one means that the hub has forgotten: its lane goes back to it.
        """
        strange: list[Lane] = []
        for lane, seq in watermarks.items():
            state = self._lanes[lane]
            if seq > state.newest:
                strange.append(lane)
            elif seq < state.receipted:
                state.receipted = seq
                state.turn_back(seq)
            else:
                state.receipted = seq
                while state.unread and state.unread[0] <= seq:
                    state.unread.popleft()
                if seq > state.sent:
                    state.turn_back(seq)
                else:
                    self._pass(state, seq)
        return strange

    @staticmethod
    def _pass(state: _LaneState, seq: int) -> None:
        """The hub has everything up to `seq`: flights that end there have landed, whatever nats-server said."""
        while state.flights and state.flights[0].last <= seq:
            first = state.flights.popleft()
            state.landed.discard(first.number)
            state.acked = first.last

    def unreceipted(self) -> dict[Lane, int]:
        """Where the hub stands in each lane of which nats-server has more: what to ask after."""
        return {lane: state.receipted for lane, state in self._lanes.items() if state.receipted < state.acked}

    def rewind(self, lane: Lane) -> None:
        """What followed the last receipt was lost behind nats-server: it goes out again."""
        state = self._lanes[lane]
        state.turn_back(state.receipted)
