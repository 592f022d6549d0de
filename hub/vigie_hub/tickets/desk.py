"""Gives tickets out, takes each once, and notes what came of it.

A ticket is bound to its user, target and purpose, and ends after 30 s. Whoever else shows it, or shows it again, is
refused, and that is on record.
"""

import hashlib
import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from vigie_hub.custody import audit
from vigie_hub.database import Database, iso
from vigie_hub.tickets.target import Target
from vigie_shared.clock import Clock
from vigie_shared.errors import VigieError
from vigie_shared.ids import unique_id

VALID_SECONDS: Final = 30.0
KEPT_UNUSED: Final = timedelta(days=1)
Flaw = Literal["unknown", "used", "expired", "of-another"]
"""Nobody has such a ticket; it counted already; it is too late; it is somebody else's, or for something else."""


class TicketError(VigieError):
    """The ticket does not count."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw)
        self.flaw = flaw


@dataclass(frozen=True, slots=True)
class Ticket:
    """Leave to look, given or taken."""

    ticket_id: str
    user: str
    target: Target
    purpose: str
    expires_at: datetime


class TicketDesk:
    """All is durable on return."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def issue(self, user: str, target: Target, purpose: str) -> tuple[Ticket, str]:
        """A ticket, and the secret that stands for it."""
        now = self._clock.now()
        secret = secrets.token_urlsafe(32)
        ticket = Ticket(unique_id(now), user, target, purpose, now + timedelta(seconds=VALID_SECONDS))
        await self._database.write(lambda connection: _insert(connection, ticket, _digest(secret), now))
        return ticket, secret

    async def redeem(self, secret: str, user: str, target: Target) -> Ticket:
        """The ticket, which counts no more from now on. Raises TicketError; a refusal is on record."""
        now, digest = self._clock.now(), _digest(secret)
        found = await self._database.write(lambda connection: _redeem(connection, digest, user, target, now))
        if isinstance(found, Ticket):
            return found
        raise TicketError(found)

    async def began(self, ticket: Ticket, viewing_id: str) -> None:
        """Somebody looks."""
        now = self._clock.now()

        def note(connection: sqlite3.Connection) -> None:
            row = (viewing_id, ticket.ticket_id, iso(now))
            connection.execute("INSERT INTO viewings (viewing_id, ticket_id, began_at) VALUES (?, ?, ?)", row)
            audit.record(connection, now, ticket.user, "viewing_started", ticket.target.name)

        await self._database.write(note)

    async def ended(self, ticket: Ticket, viewing_id: str, seconds: float) -> None:
        """They look no more; they saw pictures for `seconds`."""
        now = self._clock.now()

        def note(connection: sqlite3.Connection) -> None:
            row = (iso(now), round(seconds, 3), viewing_id)
            connection.execute("UPDATE viewings SET ended_at = ?, seconds = ? WHERE viewing_id = ?", row)
            audit.record(connection, now, ticket.user, "viewing_ended", f"{ticket.target.name} {seconds:.0f}s")

        await self._database.write(note)

    async def go_on(self, seconds: Mapping[str, float]) -> None:
        """They still look, and saw pictures for so long, by viewing: what is known of them should the hub be killed."""
        rows = [(round(seen, 3), viewing_id) for viewing_id, seen in seconds.items()]
        sql = "UPDATE viewings SET seconds = ? WHERE viewing_id = ? AND ended_at IS NULL"
        await self._database.write(lambda connection: connection.executemany(sql, rows))

    async def close_forgotten(self) -> int:
        """End viewings of a hub that was killed in their midst: they went on for their seconds, or a little longer."""
        now = self._clock.now()
        return await self._database.write(lambda connection: _interrupt(connection, now))


def _insert(connection: sqlite3.Connection, ticket: Ticket, digest: bytes, now: datetime) -> None:
    connection.execute("DELETE FROM tickets WHERE used_at IS NULL AND expires_at < ?", (iso(now - KEPT_UNUSED),))
    connection.execute(
        "INSERT INTO tickets (ticket_id, secret_sha256, user, target, purpose, made_at, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            ticket.ticket_id,
            digest,
            ticket.user,
            str(ticket.target),
            ticket.purpose,
            iso(now),
            iso(ticket.expires_at),
        ),
    )


def _interrupt(connection: sqlite3.Connection, now: datetime) -> int:
    sql = "SELECT user, target, seconds FROM viewings JOIN tickets USING (ticket_id) WHERE ended_at IS NULL"
    viewings = connection.execute(sql).fetchall()
    for user, target, seconds in viewings:
        _kind, _colon, name = target.partition(":")
        audit.record(connection, now, user, "viewing_interrupted", f"{name} {seconds:.0f}s")
    connection.execute("UPDATE viewings SET ended_at = ? WHERE ended_at IS NULL", (iso(now),))
    return len(viewings)


def _redeem(connection: sqlite3.Connection, digest: bytes, user: str, target: Target, now: datetime) -> Ticket | Flaw:
    row = connection.execute("SELECT * FROM tickets WHERE secret_sha256 = ?", (digest,)).fetchone()
    flaw = _flaw(row, user, target, now)
    if flaw is not None:
        audit.record(connection, now, user, f"ticket_refused_{flaw.replace('-', '_')}", target.name)
        return flaw
    connection.execute("UPDATE tickets SET used_at = ? WHERE ticket_id = ?", (iso(now), row["ticket_id"]))
    expires_at = datetime.fromisoformat(row["expires_at"])
    return Ticket(row["ticket_id"], row["user"], target, row["purpose"], expires_at)


def _flaw(row: sqlite3.Row | None, user: str, target: Target, now: datetime) -> Flaw | None:
    if row is None:
        return "unknown"
    if row["user"] != user or row["target"] != str(target):
        return "of-another"
    if row["used_at"] is not None:
        return "used"
    return "expired" if row["expires_at"] <= iso(now) else None


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
