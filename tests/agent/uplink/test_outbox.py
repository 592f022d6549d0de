"""The order in which events go out, whatever the link does to them."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from vigie_agent.uplink.outbox import UNREAD_MAX, Flight, Outbox
from vigie_shared.events import LANES, Lane


def drain(outbox: Outbox, batch: int = 10) -> Iterator[Flight]:
    """Send all that may be sent now."""
    while wanted := outbox.next_lane():
        lane, after = wanted
        newest = outbox.newest(lane)
        yield outbox.send(lane, min(newest, after + batch))


def test_the_most_urgent_lane_goes_first() -> None:
    outbox = Outbox(flights_max=8)
    outbox.grow({"crop": 9, "clip": 1, "mot": 2, "lpr": 3, "hlt": 4, "hit": 1})
    assert [flight.lane for flight in drain(outbox)] == ["hit", "hlt", "lpr", "mot", "clip", "crop"]


def test_only_so_many_batches_are_on_their_way() -> None:
    outbox = Outbox(flights_max=2)
    outbox.grow({"mot": 100})
    first, second = drain(outbox)
    assert (first.first, first.last, second.first, second.last) == (1, 10, 11, 20)
    outbox.land(first.number)
    assert [flight.first for flight in drain(outbox)] == [21]


def test_a_crashed_batch_takes_those_behind_it_back() -> None:
    outbox = Outbox()
    outbox.grow({"mot": 30})
    first, second, third = drain(outbox)
    outbox.land(first.number)
    outbox.land(third.number)
    assert outbox.crash(second.number)
    assert [(flight.first, flight.last) for flight in drain(outbox)] == [(11, 20), (21, 30)]


def test_an_acknowledgement_of_a_batch_that_went_out_again_counts_for_nothing() -> None:
    outbox = Outbox()
    outbox.grow({"mot": 10})
    (old,) = drain(outbox)
    outbox.lose_link()
    (new,) = drain(outbox)
    assert outbox.land(old.number) is None
    assert outbox.land(new.number) == new


def test_a_receipt_below_an_earlier_one_rewinds() -> None:
    outbox = Outbox()
    outbox.grow({"mot": 20})
    for flight in drain(outbox):
        outbox.land(flight.number)
    outbox.receipt({"mot": 20})
    outbox.receipt({"mot": 5})
    assert outbox.next_lane() == ("mot", 5)


def test_a_receipt_that_lags_does_not_rewind() -> None:
    outbox = Outbox()
    outbox.grow({"mot": 20})
    for flight in drain(outbox):
        outbox.land(flight.number)
    outbox.receipt({"mot": 5})
    assert outbox.next_lane() is None
    assert outbox.unreceipted() == {"mot": 5}


def test_a_hub_that_already_has_everything_is_not_told_again() -> None:
    outbox = Outbox()
    outbox.grow({"mot": 20})
    outbox.receipt({"mot": 20})
    assert outbox.next_lane() is None


def test_a_receipt_for_events_that_were_never_written_is_strange() -> None:
    outbox = Outbox()
    outbox.grow({"mot": 3})
    assert outbox.receipt({"mot": 4, "lpr": 0}) == ["mot"]
    assert outbox.next_lane() == ("mot", 0)


def test_what_the_store_no_longer_holds_is_skipped() -> None:
    outbox = Outbox()
    outbox.grow({"mot": 9, "clip": 4})
    outbox.skip("mot", 6)
    assert outbox.next_lane() == ("mot", 6)
    outbox.skip("mot", None)
    assert outbox.next_lane() == ("clip", 0)


def test_sending_past_the_store_is_refused() -> None:
    outbox = Outbox()
    with pytest.raises(ValueError, match="lane mot"):
        outbox.send("mot", 1)


@dataclass
class Hub:
    """Takes a lane in order only, as the projector's watermark does, and counts what it stored."""

    watermarks: dict[Lane, int] = field(default_factory=lambda: dict.fromkeys(LANES, 0))

    def take(self, flight: Flight) -> None:
        if flight.first <= self.watermarks[flight.lane] + 1:
            self.watermarks[flight.lane] = max(self.watermarks[flight.lane], flight.last)


class AnyLink(RuleBasedStateMachine):
    """Batches vanish, arrive late or twice, links break, hubs forget: in the end the hub has everything."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox(flights_max=3)
        self.hub = Hub()
        self.newest: dict[Lane, int] = dict.fromkeys(LANES, 0)
        self.stream: list[Flight] = []
        self.answers: list[tuple[int, bool]] = []

    @rule(lane=st.sampled_from(LANES), count=st.integers(1, 9))
    def events_come(self, lane: Lane, count: int) -> None:
        self.newest[lane] += count
        self.outbox.grow({lane: self.newest[lane]})

    @rule(size=st.integers(1, 5), fate=st.sampled_from(["kept", "refused", "lost", "kept, answer lost", "acked, lost"]))
    def a_batch_leaves(self, size: int, fate: str) -> None:
        wanted = self.outbox.next_lane()
        if wanted is None:
            return
        lane, after = wanted
        assert all(self.outbox.sent(better) == self.newest[better] for better in LANES[: LANES.index(lane)])
        flight = self.outbox.send(lane, min(self.newest[lane], after + size))
        assert flight.first == after + 1
        if fate.startswith("kept"):
            self.stream.append(flight)
        if fate in ("kept", "acked, lost", "refused"):
            self.answers.append((flight.number, fate != "refused"))

    @precondition(lambda self: self.answers)
    @rule(data=st.data())
    def an_answer_comes(self, data: st.DataObject) -> None:
        number, good = self.answers.pop(data.draw(st.integers(0, len(self.answers) - 1)))
        if good:
            self.outbox.land(number)
        else:
            self.outbox.crash(number)

    @precondition(lambda self: self.stream)
    @rule(again=st.booleans())
    def the_hub_reads(self, again: bool) -> None:
        self.hub.take(self.stream[0] if again else self.stream.pop(0))

    @rule()
    def a_receipt_comes(self) -> None:
        assert self.outbox.receipt(self.hub.watermarks) == []

    @rule()
    def the_link_breaks(self) -> None:
        self.outbox.lose_link()

    @rule(lane=st.sampled_from(LANES))
    def a_lane_is_turned_back(self, lane: Lane) -> None:
        self.outbox.rewind(lane)

    @rule(lane=st.sampled_from(LANES), share=st.floats(0, 1))
    def the_hub_forgets(self, lane: Lane, share: float) -> None:
        self.hub.watermarks[lane] = int(self.hub.watermarks[lane] * share)

    @invariant()
    def nothing_is_sent_that_does_not_exist(self) -> None:
        assert all(0 <= self.outbox.sent(lane) <= self.newest[lane] for lane in LANES)

    def teardown(self) -> None:
        """A good link from now on: everything must arrive."""
        self.outbox.lose_link()
        self.outbox.receipt(self.hub.watermarks)
        for lane in self.outbox.unreceipted():
            self.outbox.rewind(lane)
        while wanted := self.outbox.next_lane():
            flight = self.outbox.send(wanted[0], self.newest[wanted[0]])
            self.hub.take(flight)
            self.outbox.land(flight.number)
        self.outbox.receipt(self.hub.watermarks)
        assert self.hub.watermarks == self.newest
        assert self.outbox.unreceipted() == {}


TestAnyLink = AnyLink.TestCase
TestAnyLink.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def test_a_hub_that_falls_behind_is_not_sent_more_than_the_stream_keeps() -> None:
    outbox = Outbox()
    outbox.grow({"mot": 10_000, "clip": 1})
    while wanted := outbox.next_lane(("mot",)):
        flight = outbox.send(wanted[0], wanted[1] + 1)
        outbox.land(flight.number)
    assert outbox.sent("mot") == UNREAD_MAX
    assert outbox.next_lane() == ("clip", 0), "other lanes go on"
    outbox.receipt({"mot": 100})
    assert outbox.next_lane() == ("mot", UNREAD_MAX)
    outbox.receipt({"mot": 50})
    assert outbox.next_lane() == ("mot", 50), "a hub that has forgotten is sent all again"
