"""Repairs while no agent runs: the ledger is mended, damage is told to the hub, bytes that nothing names go."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from vigie_agent.store import damage, holds, rebuild, recovery, retention
from vigie_agent.store.database import FILE_NAME, open_writer, refusal
from vigie_agent.store.files import StoreFiles
from vigie_agent.store.reader import Reader
from vigie_agent.store.scrub import Finding, Level, Scrub
from vigie_shared.commands import HoldKind
from vigie_shared.errors import StoreError


@dataclass(frozen=True)
class Repaired:
    """What was found, and what was done about it."""

    findings: tuple[Finding, ...]
    ledger_rebuilt: bool
    clips_finished: int
    segments_marked: int
    orphans_erased: int


def repair(
    data_dir: Path,
    agent_id: str,
    level: Level,
    now: datetime,
    sign: retention.SignGap,
    on_bytes: Callable[[int], None] = lambda count: None,
) -> Repaired:
    """Look and mend; raises StoreError where an agent runs, or the disk refuses."""
    rebuilt = rebuild.mend(data_dir, agent_id, now)
    files = StoreFiles(data_dir, agent_id, 0)
    try:
        finished = recovery.recover(files.connection, files.volumes, now)
        findings = _looked(data_dir, level, on_bytes)
        marked, erased = _mended(files, findings, now, sign)
    except sqlite3.Error as error:
        raise refusal(data_dir / FILE_NAME, error) from error
    finally:
        files.close()
    return Repaired(tuple(findings), rebuilt, finished, marked, erased)


def hold(data_dir: Path, clip_id: str, kind: HoldKind, reason: str, until: datetime | None, now: datetime) -> None:
    """Keep a clip; the agent may run meanwhile. Raises StoreError."""
    _beside(data_dir, lambda connection: holds.place(connection, clip_id, kind, reason, until, now))


def release(data_dir: Path, clip_id: str, kind: HoldKind, now: datetime) -> int:
    """End the holds of that kind on a clip; how many there were. The agent may run meanwhile."""
    ended: list[int] = []
    _beside(data_dir, lambda connection: ended.append(holds.release(connection, clip_id, kind, now)))
    return sum(ended)


def _looked(data_dir: Path, level: Level, on_bytes: Callable[[int], None]) -> list[Finding]:
    reader = Reader(data_dir)
    try:
        return list(Scrub(reader, data_dir, on_bytes).run(level))
    finally:
        reader.close()


def _mended(files: StoreFiles, findings: Sequence[Finding], now: datetime, sign: retention.SignGap) -> tuple[int, int]:
    connection = files.connection
    connection.execute("BEGIN IMMEDIATE")
    marked = sum(
        damage.note(connection, finding.clip_id, finding.segment, now, sign)
        for finding in findings
        if finding.kind == "segment" and finding.clip_id is not None and finding.segment is not None
    )
    connection.execute("COMMIT")
    orphans = [finding.place for finding in findings if finding.kind == "orphan" and finding.place is not None]
    files.volumes.erase(orphans)
    files.volumes.commit()
    files.volumes.accept()
    return marked, len(orphans)


def _beside(data_dir: Path, unit: Callable[[sqlite3.Connection], object]) -> None:
    """One short transaction in the ledger that is there; SQLite's lock orders it among the agent's."""
    reader = Reader(data_dir)
    agent_id, epoch = reader.agent_id, reader.epoch
    reader.close()
    connection = open_writer(data_dir, agent_id, epoch)
    try:
        connection.execute("BEGIN IMMEDIATE")
        unit(connection)
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise refusal(data_dir / FILE_NAME, error) from error
    except StoreError:
        connection.execute("ROLLBACK")
        raise
    finally:
        connection.close()
