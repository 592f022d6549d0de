"""A ticket counts once, for its user, its target and half a minute; what came of it is on record."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.hub.agents import StoppedClock
from vigie_hub.database import Database
from vigie_hub.tickets.desk import VALID_SECONDS, Ticket, TicketDesk, TicketError
from vigie_hub.tickets.target import Target

GATE = Target.camera("gate-1", "in")
YARD = Target.camera("gate-1", "yard")


class Desk(TicketDesk):
    """With its database and clock at hand."""

    def __init__(self, database: Database, clock: StoppedClock) -> None:
        super().__init__(database, clock)
        self.database, self.clock = database, clock

    async def rows(self, sql: str) -> list[tuple[object, ...]]:
        return await self.database.read(lambda connection: [tuple(row) for row in connection.execute(sql)])


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with Database(tmp_path / "hub.db") as database:
        yield Desk(database, StoppedClock())


async def test_a_ticket_counts_once(desk: Desk) -> None:
    ticket, secret = await desk.issue("amal", GATE, "Case 114")
    assert await desk.redeem(secret, "amal", GATE) == ticket
    with pytest.raises(TicketError) as refused:
        await desk.redeem(secret, "amal", GATE)
    assert refused.value.flaw == "used"


@pytest.mark.parametrize(
    ("user", "target", "late_seconds", "flaw"),
    [
        ("badr", GATE, 0, "of-another"),
        ("amal", YARD, 0, "of-another"),
        ("amal", Target.clip("gate-1/in"), 0, "of-another"),
        ("amal", GATE, VALID_SECONDS, "expired"),
    ],
    ids=["another user", "another camera", "a clip of that name", "too late"],
)
async def test_a_ticket_shared_bent_or_old_is_refused_and_stays_its_owners(
    desk: Desk, user: str, target: Target, late_seconds: float, flaw: str
) -> None:
    _ticket, secret = await desk.issue("amal", GATE, "Case 114")
    desk.clock.move(late_seconds)
    with pytest.raises(TicketError) as refused:
        await desk.redeem(secret, user, target)
    assert refused.value.flaw == flaw
    assert (await desk.rows("SELECT user, action FROM audit")) == [(user, f"ticket_refused_{flaw.replace('-', '_')}")]
    desk.clock.move(-late_seconds)
    assert isinstance(await desk.redeem(secret, "amal", GATE), Ticket)


async def test_a_secret_that_was_never_given_out_is_refused(desk: Desk) -> None:
    with pytest.raises(TicketError) as refused:
        await desk.redeem("x" * 43, "amal", GATE)
    assert refused.value.flaw == "unknown"


async def test_the_secret_is_kept_nowhere(desk: Desk) -> None:
    _ticket, secret = await desk.issue("amal", GATE, "Case 114")
    assert secret not in str(await desk.rows("SELECT * FROM tickets"))


async def test_start_stop_and_seconds_are_on_record(desk: Desk) -> None:
    ticket, secret = await desk.issue("amal", GATE, "Case 114")
    await desk.redeem(secret, "amal", GATE)
    await desk.began(ticket, "a" * 22)
    desk.clock.move(60)
    await desk.ended(ticket, "a" * 22, 41.6)
    viewing = "SELECT purpose, seconds, ended_at > began_at FROM viewings JOIN tickets USING (ticket_id)"
    assert await desk.rows(viewing) == [("Case 114", 41.6, 1)]
    assert await desk.rows("SELECT user, action, target FROM audit ORDER BY id") == [
        ("amal", "viewing_started", "gate-1/in"),
        ("amal", "viewing_ended", "gate-1/in 42s"),
    ]


async def test_viewings_that_a_killed_hub_left_open_are_interrupted_with_what_is_known(desk: Desk) -> None:
    ticket, _secret = await desk.issue("amal", GATE, "Case 114")
    for viewing_id in ("a" * 22, "b" * 22):
        await desk.began(ticket, viewing_id)
    await desk.go_on({"a" * 22: 12.0, "b" * 22: 20.0})
    await desk.ended(ticket, "b" * 22, 21.0)
    await desk.go_on({"a" * 22: 22.04, "b" * 22: 30.0})
    assert await desk.close_forgotten() == 1
    assert await desk.close_forgotten() == 0
    assert await desk.rows("SELECT seconds, ended_at IS NULL FROM viewings ORDER BY viewing_id") == [
        (22.04, 0),
        (21.0, 0),
    ]
    assert await desk.rows("SELECT user, action, target FROM audit ORDER BY id DESC LIMIT 1") == [
        ("amal", "viewing_interrupted", "gate-1/in 22s")
    ]


async def test_tickets_that_nobody_used_are_not_kept_for_ever(desk: Desk) -> None:
    await desk.issue("amal", GATE, "Case 114")
    desk.clock.move(2 * 86_400)
    await desk.issue("amal", YARD, "Case 115")
    assert await desk.rows("SELECT purpose FROM tickets") == [("Case 115",)]
