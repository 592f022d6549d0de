"""Lineage: are the events that the hub has this store's own, or did the store come from a copy of itself?

A store that was restored goes another way from the place on where it was opened next. So the hub is asked for the mark
of the event at each such place, once; where it has another event there, or more than this store ever wrote, the store
begins a new epoch with all that the hub lacks (docs/design/delivery.md, A store from a copy).
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping

import structlog

from vigie_agent.store import Store
from vigie_agent.store.epochs import Arrived
from vigie_shared.events import LANES, Lane
from vigie_shared.marks import MARKS_MAX
from vigie_shared.receipts import Receipt

log = structlog.get_logger(__name__)
Place = tuple[Lane, int]


class Lineage:
    """Takes the answers of the hub one by one, and says what to ask it next."""

    def __init__(self, store: Store) -> None:
        self.is_foreign = False
        """The hub has events that this store never wrote: nothing must leave in this epoch any more."""
        self.is_comparing = False
        """The hub stands still, and is asked for one mark after another."""
        self._store = store
        self._openings: dict[Lane, list[int]] | None = None
        self._hub_marks: bool | None = None
        """Whether the hub knows of marks; None before its first answer."""
        self._asked: list[Place] = []
        self._stood: Mapping[Lane, int] | None = None
        self._to_compare: deque[Place] = deque()
        self._same: set[Place] = set()

    def trusted(self, watermarks: Mapping[Lane, int]) -> dict[Lane, int]:
        """How far the hub's word surely is about this store's events."""
        if self.is_foreign or self._openings is None:
            return {}
        if self._hub_marks is False:
            return dict(watermarks)
        return {lane: min([seq, *(place - 1 for place in self._openings[lane])]) for lane, seq in watermarks.items()}

    def is_due(self, watermarks: Mapping[Lane, int]) -> bool:
        """Whether the hub has come to a place that is still to be compared."""
        if self.is_foreign or not self._hub_marks or self._openings is None:
            return False
        return any(place <= watermarks.get(lane, 0) for lane, places in self._openings.items() for place in places)

    async def places(self) -> dict[Lane, list[int]]:
        """Whose marks to ask for in the next question."""
        if self._openings is None:
            self._openings = await asyncio.to_thread(self._store.openings)
        if self.is_foreign:
            self._asked = self._asked or [
                self._to_compare.popleft() for _ in range(min(MARKS_MAX, len(self._to_compare)))
            ]
        else:
            newest = await asyncio.to_thread(self._store.newest)
            open_ones = [(lane, seq) for lane, seqs in self._openings.items() for seq in seqs if seq <= newest[lane]]
            self._asked = open_ones[:MARKS_MAX]
        return _by_lane(self._asked)

    async def feed(self, receipt: Receipt) -> bool:
        """Take the answer to a question that asked for `places`; whether a new epoch has begun."""
        self._hub_marks = receipt.marks is not None
        same, other, unknown = await self._compared(receipt)
        if self.is_foreign:
            self._same |= same
            return await self._go_on(receipt.watermarks)
        newest = await asyncio.to_thread(self._store.newest)
        self.is_foreign = bool(other) or any(seq > newest[lane] for lane, seq in receipt.watermarks.items())
        if not self.is_foreign:
            passed = {(lane, seq) for lane, seq in unknown if seq <= receipt.watermarks.get(lane, 0)}
            await self._settle(same | passed)
        return False

    async def _settle(self, places: set[Place]) -> None:
        """These need not be asked for again: the hub has the same there, or has gone on without."""
        assert self._openings is not None
        if places:
            await asyncio.to_thread(self._store.note_same, places)
            self._openings = {
                lane: [seq for seq in seqs if (lane, seq) not in places] for lane, seqs in self._openings.items()
            }

    async def _compared(self, receipt: Receipt) -> tuple[set[Place], set[Place], set[Place]]:
        """Of the places that were asked for: where both have the same event, where they differ, where the hub has none.

        An event that has left this store was sent and receipted long ago: it counts as the same.
        """
        asked, self._asked = self._asked, []
        theirs = {
            (lane, seq): mark
            for lane, seqs in _by_lane(asked).items()
            for seq, mark in zip(seqs, (receipt.marks or {}).get(lane, ()), strict=False)
            if mark is not None
        }
        own = await asyncio.to_thread(self._store.marks, _by_lane(theirs)) if theirs else {}
        same = {place for place, mark in theirs.items() if own.get(place, mark) == mark}
        return same, theirs.keys() - same, set(asked) - theirs.keys()

    async def _go_on(self, watermarks: Mapping[Lane, int]) -> bool:
        """Wait until the hub stands still, then compare all that may differ, then begin anew."""
        if watermarks != self._stood:
            self._stood, self.is_comparing = dict(watermarks), False
            return False
        newest = await asyncio.to_thread(self._store.newest)
        firsts = {lane: self._first_open(lane, newest[lane]) for lane in LANES}
        if not self.is_comparing:
            self.is_comparing = True
            self._same.clear()
            self._to_compare = deque(
                (lane, seq)
                for lane, first in firsts.items()
                for seq in range(first, min(watermarks.get(lane, 0), newest[lane]) + 1)
            )
        if self._to_compare and self._hub_marks:
            return False
        arrived = {
            lane: Arrived(
                min(watermarks.get(lane, 0), firsts[lane] - 1),
                frozenset(seq for its, seq in self._same if its == lane),
            )
            for lane in LANES
        }
        await self._begin(arrived)
        return True

    def _first_open(self, lane: Lane, newest: int) -> int:
        """Below it, the store and the hub are known to have the same."""
        assert self._openings is not None
        return min([newest + 1, *self._openings[lane]])

    async def _begin(self, arrived: Mapping[Lane, Arrived]) -> None:
        before = self._store.epoch
        told = await asyncio.to_thread(self._store.begin_epoch, arrived)
        log.warning(
            "this store came from a copy of itself, which the hub knows more of: a new epoch begins, nothing is lost",
            epoch=self._store.epoch,
            before=before,
            events_to_tell=sum(told.values()),
        )
        self._openings = await asyncio.to_thread(self._store.openings)
        self.is_foreign = self.is_comparing = False
        self._stood = None
        self._same.clear()


def _by_lane(places: Iterable[Place]) -> dict[Lane, list[int]]:
    found: dict[Lane, list[int]] = {}
    for lane, seq in places:
        found.setdefault(lane, []).append(seq)
    return found
