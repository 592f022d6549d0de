"""Suspensions in the read model: agents that nats-server is to refuse for a while, because they flooded it.

Unlike a revocation, a suspension ends by itself, and the agent stays enrolled. Each one within a day of the one before
is twice as long.
"""

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from vigie_hub.custody import audit

FIRST_SECONDS: Final = 60
MOST_SECONDS: Final = 3600
FORGET_SECONDS: Final = 24 * 3600
"""So long after a suspension ended the next one is a first one again."""


@dataclass(frozen=True, slots=True)
class Suspension:
    """An agent that is kept out; times are seconds since 1970."""

    agent_id: str
    public_key: str
    at_seconds: int
    until_seconds: int
    strikes: int
    reason: str


def suspend(connection: sqlite3.Connection, agent_id: str, reason: str, at: datetime) -> Suspension | None:
    """Keep an enrolled agent out for a while; None where it is not enrolled, or kept out already."""
    row = connection.execute("SELECT public_key FROM agents WHERE agent_id = ?", (agent_id,)).fetchone()
    now = int(at.timestamp())
    if row is None or row["public_key"] is None:
        return None
    before = connection.execute(
        "SELECT until_seconds, strikes FROM suspensions WHERE public_key = ?", (row["public_key"],)
    ).fetchone()
    if before is not None and before["until_seconds"] > now:
        return None
    strikes = before["strikes"] + 1 if before is not None and now - before["until_seconds"] < FORGET_SECONDS else 1
    seconds = min(MOST_SECONDS, FIRST_SECONDS * 2 ** (strikes - 1))
    made = Suspension(agent_id, row["public_key"], now, now + seconds, strikes, reason)
    connection.execute(
        "INSERT OR REPLACE INTO suspensions (agent_id, public_key, at_seconds, until_seconds, strikes, reason)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (made.agent_id, made.public_key, made.at_seconds, made.until_seconds, made.strikes, made.reason),
    )
    audit.record(connection, at, "hub", "agent_suspended", agent_id)
    return made


def suspensions(connection: sqlite3.Connection, now: datetime) -> list[Suspension]:
    """Those in force; one that is about a key that is trusted no more says nothing."""
    rows = connection.execute(
        "SELECT suspensions.* FROM suspensions JOIN agents USING (public_key)"
        " WHERE until_seconds > ? ORDER BY suspensions.agent_id",
        (int(now.timestamp()),),
    )
    return [Suspension(**dict(row)) for row in rows]


def suspended_seconds(connection: sqlite3.Connection, public_key: str, now: datetime) -> int:
    """For how long this key is still kept out; 0 where it is not."""
    return next(
        (
            one.until_seconds - int(now.timestamp())
            for one in suspensions(connection, now)
            if one.public_key == public_key
        ),
        0,
    )
