"""The audit trail: rows are only ever added, in the transaction of what they tell of."""

import sqlite3
from datetime import datetime

from vigie_hub.database import Database, iso
from vigie_shared.clock import Clock


def record(connection: sqlite3.Connection, at: datetime, user: str, action: str, target: str) -> None:
    """Note that `user` did `action` to `target`."""
    connection.execute(
        "INSERT INTO audit (at, user, action, target) VALUES (?, ?, ?, ?)", (iso(at), user, action, target)
    )


class Audit:
    """The audit trail, for those who wait on the event loop."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def record(self, user: str, action: str, target: str) -> None:
        """Note that `user` did `action` to `target`; returns when the row is durable."""
        now = self._clock.now()
        await self._database.write(lambda connection: record(connection, now, user, action, target))
