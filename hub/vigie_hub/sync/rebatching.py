"""Brings events of schema 3 and before, a row and a JSON body each, into batches."""

import sqlite3
from collections.abc import Iterator
from typing import Any

from vigie_shared.batches import EVENTS_MAX

_BATCH = (
    "INSERT INTO batches (id, agent_id, epoch, lane, first_seq, skip, count, kinds, received_at, payload)"
    " VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?, ?)"
)


def rebatch(connection: sqlite3.Connection) -> None:
    """Fill `batches` from `events` in the order of arrival, and `moved` with the ids that change."""
    cursor = connection.execute(
        "SELECT id, agent_id, epoch, lane, seq, kind, received_at, body FROM events ORDER BY id"
    )
    for batch_id, run in enumerate(_runs(cursor), 1):
        _id, agent_id, epoch, lane, first_seq, _kind, received_at, _body = run[0]
        head = f'{{"v":1,"agent_id":"{agent_id}","epoch":"{epoch}","lane":"{lane}","first_seq":{first_seq},"events":['
        payload = head + ",".join(row[7] for row in run) + "]}"
        kinds = ",".join(dict.fromkeys(row[5] for row in run))
        connection.execute(
            _BATCH, (batch_id, agent_id, epoch, lane, first_seq, len(run), kinds, received_at, payload.encode())
        )
        connection.executemany(
            "INSERT INTO moved (old_id, new_id) VALUES (?, ?)",
            [(row[0], batch_id << 8 | place) for place, row in enumerate(run)],
        )


def _runs(rows: Iterator[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    """Rows of one lane whose sequences follow each other."""
    run: list[tuple[Any, ...]] = []
    for row in map(tuple, rows):
        follows = run and row[1:4] == run[-1][1:4] and row[4] == run[-1][4] + 1
        if run and (not follows or len(run) == EVENTS_MAX):
            yield run
            run = []
        run.append(row)
    if run:
        yield run
