"""Strict order, the cap, bytes in flight: whatever is asked and whatever happens to it."""

from datetime import UTC, datetime, time

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from vigie_agent.uplink.daily_quota import DailyQuota
from vigie_agent.uplink.link_rules import LinkRules
from vigie_agent.uplink.link_settings import LinkSettings, LinkWindow
from vigie_agent.uplink.turns import PACKET_BYTES, Turns, Wish
from vigie_shared.link import PRIORITIES, Priority

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RATE = 8_000


def turns(link: LinkSettings | None = None, *, limited: bool = True) -> Turns:
    link = link or LinkSettings(kind="lte", rate_kbps=64, metered=False)
    return Turns(link, LinkRules(link, DailyQuota(link.quota_bytes)), 0.0, limited=limited)


def ask(found: Turns, priority: Priority, size: int = 1_400, *, tracked: bool = False) -> Wish:
    wish = Wish(priority, size, tracked=tracked)
    found.ask(wish)
    return wish


def run(found: Turns, start: float, seconds: float) -> list[tuple[float, Wish]]:
    """All that leaves in this time, and when."""
    now, left = start, []
    while now <= start + seconds:
        left += [(now, wish) for wish in found.due(now, NOON)]
        wait = found.next_in_seconds(now, NOON)
        if wait is None:
            break
        now += max(wait, 1e-6)
    return left


def test_the_most_urgent_goes_first_whatever_came_first() -> None:
    found = turns()
    for priority in reversed(PRIORITIES):
        ask(found, priority)
    assert [wish.priority for _at, wish in run(found, 0.0, 60)] == list(PRIORITIES)


def test_nothing_small_slips_past_something_urgent_that_waits_for_the_rate() -> None:
    found = turns()
    ask(found, "read", 5_000)
    assert len(found.due(0.0, NOON)) == 1
    urgent = ask(found, "gap", 1_500)
    small = ask(found, "bulk", 40)
    left = run(found, 0.0, 10)
    assert [wish for _at, wish in left] == [urgent, small]


def test_a_hit_waits_for_no_more_than_200_ms_of_what_can_be_cut() -> None:
    found = turns()
    now = 0.0
    for _chunk in range(50):
        ask(found, "bulk", found.chunk_bytes() or 0)
    left = run(found, 0.0, 3.1)
    now = left[-1][0] + 1e-3
    hit = ask(found, "hit", 300)
    at, first = run(found, now, 5)[0]
    assert first is hit
    assert at - now <= 0.2 + 300 / RATE


def test_gaps_are_starved_by_hits_alone() -> None:
    found = turns()
    for priority in PRIORITIES[2:]:
        for _item in range(20):
            ask(found, priority)
    run(found, 0.0, 1.0)
    gap = ask(found, "gap", 200)
    assert run(found, 1.0, 1.0)[0][1] is gap


def test_bytes_on_their_way_are_bounded_and_urgent_ones_have_room_left() -> None:
    found = turns()
    for _item in range(200):
        ask(found, "bulk", 1_000, tracked=True)
        ask(found, "motion", 1_000, tracked=True)
    run(found, 0.0, 30)
    in_flight = found.delivery.in_flight_bytes
    assert RATE <= in_flight <= 2 * RATE
    hit = ask(found, "hit", 1_000, tracked=True)
    assert run(found, 40.0, 1.0)[0][1] is hit
    assert found.delivery.in_flight_bytes <= 2 * RATE


def test_what_is_alone_leaves_however_large_it_is() -> None:
    found = turns()
    large = ask(found, "crop", 100_000, tracked=True)
    assert found.due(0.0, NOON) == [large]


def test_a_rule_holds_back_its_own_priority_only() -> None:
    window = LinkWindow(priorities=("index",), opens=time(1), closes=time(5))
    found = turns(LinkSettings(rate_kbps=64, windows=(window,)))
    held, free = ask(found, "index"), ask(found, "bulk")
    assert [wish for _at, wish in run(found, 0.0, 5)] == [free]
    assert not held.is_granted
    assert found.due(5.0, NOON.replace(hour=1)) == [held]


def test_what_is_withdrawn_leaves_no_more() -> None:
    found = turns()
    gone, stays = ask(found, "hit"), ask(found, "bulk")
    found.withdraw(gone)
    found.withdraw(gone)
    assert [wish for _at, wish in run(found, 0.0, 5)] == [stays]


def test_a_chunk_is_200_ms_of_the_rate_and_a_packet_at_least() -> None:
    assert turns().chunk_bytes() == int(RATE * 0.98 * 0.2)
    assert turns(LinkSettings(rate_kbps=16)).chunk_bytes() == PACKET_BYTES


def test_without_a_limit_everything_leaves_at_once() -> None:
    found = turns(LinkSettings(kind="lte", quota_mb_per_day=0.001), limited=False)
    wishes = [ask(found, "bulk", 10**9, tracked=True) for _number in range(5)]
    assert found.due(0.0, NOON) == wishes
    assert found.chunk_bytes() is None


@pytest.mark.parametrize("rate", [4_000.0, 40_000.0, 400_000.0])
def test_without_a_cap_the_pace_finds_the_rate_of_the_link(rate: float) -> None:
    """A simulated link: everything arrives in order at `rate`, 80 ms later."""
    found = turns(LinkSettings(kind="lte", metered=False))
    now, free_at = 0.0, 0.0
    on_way: list[tuple[float, Wish]] = []
    arrived: list[tuple[float, int]] = []
    queue_seconds: list[float] = []
    while now < 60:
        while on_way and on_way[0][0] <= now:
            at, wish = on_way.pop(0)
            assert wish.sent is not None
            found.delivery.land(wish.sent, at)
            arrived.append((at, wish.size))
        if found.is_idle:
            ask(found, "clip", found.chunk_bytes() or 0, tracked=True)
        for wish in found.due(now, NOON):
            free_at = max(free_at, now) + wish.size / rate
            on_way.append((free_at + 0.08, wish))
            if now > 30:
                queue_seconds.append(free_at - now)
        now += 0.005
    carried = sum(size for at, size in arrived if at > 30) / 30
    assert carried > 0.75 * rate
    assert max(queue_seconds) < 2.2


class AnyTraffic(RuleBasedStateMachine):
    """A capped link: no window above the cap, strict order, bounded flight, whatever is asked, lost and withdrawn."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = turns()
        self.now = 0.0
        self.waiting: list[Wish] = []
        self.flying: list[Wish] = []
        self.left: list[tuple[float, int]] = []

    @rule(priority=st.sampled_from(PRIORITIES), size=st.integers(1, 6_000), tracked=st.booleans())
    def something_is_asked(self, priority: Priority, size: int, tracked: bool) -> None:
        self.waiting.append(ask(self.turns, priority, size, tracked=tracked))

    @rule(seconds=st.floats(0, 2))
    def time_goes_by(self, seconds: float) -> None:
        self.now += seconds
        before = self.turns.delivery.in_flight_bytes
        for wish in self.turns.due(self.now, NOON):
            self.waiting.remove(wish)
            better = [
                other
                for other in self.waiting
                if PRIORITIES.index(other.priority) < PRIORITIES.index(wish.priority) and not other.tracked
            ]
            assert not better, "something less urgent went first"
            self.left.append((self.now, wish.size))
            if wish.tracked:
                self.flying.append(wish)
                assert before == 0 or before + wish.size <= 2 * RATE
                before += wish.size

    @precondition(lambda self: self.flying)
    @rule(arrives=st.booleans(), data=st.data())
    def something_is_heard_of(self, arrives: bool, data: st.DataObject) -> None:
        wish = self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1)))
        assert wish.sent is not None
        if arrives:
            self.turns.delivery.land(wish.sent, self.now)
        else:
            self.turns.delivery.lose(wish.sent)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def something_is_withdrawn(self, data: st.DataObject) -> None:
        self.turns.withdraw(self.waiting.pop(data.draw(st.integers(0, len(self.waiting) - 1))))

    @invariant()
    def no_window_is_above_the_cap(self) -> None:
        total = 0
        end = self.left[-1][0] if self.left else 0.0
        for at, size in reversed(self.left):
            total += size
            assert total <= RATE * (end - at) + 6_000 + 1_600

    def teardown(self) -> None:
        """Everybody's turn comes."""
        for _step in range(2_000):
            for wish in self.flying:
                assert wish.sent is not None
                self.turns.delivery.land(wish.sent, self.now)
            self.flying.clear()
            for wish in self.turns.due(self.now, NOON):
                self.waiting.remove(wish)
                self.flying += [wish] if wish.tracked else []
            self.now += 0.5
        assert not self.waiting


TestAnyTraffic = AnyTraffic.TestCase
TestAnyTraffic.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
