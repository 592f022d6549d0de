"""What the store holds, by class, and what it takes of the disk (`vigie agent store stats`)."""

from dataclasses import dataclass
from pathlib import Path

from vigie_agent.store import clips, damage, holds, volumes
from vigie_agent.store.database import FILE_NAME
from vigie_agent.store.reader import Reader


@dataclass(frozen=True)
class ClassStats:
    """Clips of one class."""

    kept_as: str
    clips: int
    bytes: int
    acknowledged: int


@dataclass(frozen=True)
class StoreStats:
    """The whole store."""

    agent_id: str
    epoch: str
    classes: tuple[ClassStats, ...]
    oldest_at: str | None
    newest_at: str | None
    held_clips: int
    held_bytes: int
    damaged_segments: int
    unsent_events: int
    ledger_bytes: int
    volumes: int
    volumes_bytes: int


def stats(reader: Reader, data_dir: Path) -> StoreStats:
    """Read all of it; raises StoreError."""
    by_class = {
        kept_as: rest
        for kept_as, *rest in reader.ask(
            lambda ledger: ledger.execute(
                "SELECT kept_as, count(*), sum(bytes), sum(acknowledged) FROM clips"
                " WHERE removed_at IS NULL AND sha256 IS NOT NULL GROUP BY kept_as"
            ).fetchall()
        )
    }
    oldest_at, newest_at = reader.ask(
        lambda ledger: ledger.execute("SELECT min(at), max(ended_at) FROM clips WHERE removed_at IS NULL").fetchone()
    )
    newest, receipted = reader.newest(), reader.receipted()
    files = [volumes.path_of(data_dir, number) for number in volumes.numbers(data_dir)]
    return StoreStats(
        agent_id=reader.agent_id,
        epoch=reader.epoch,
        classes=tuple(ClassStats(name, *by_class.get(number, (0, 0, 0))) for number, name in enumerate(clips.KEPT_AS)),
        oldest_at=oldest_at,
        newest_at=newest_at,
        held_clips=len({hold.clip_id for hold in reader.holds()}),
        held_bytes=reader.ask(holds.held_bytes),
        damaged_segments=len(reader.ask(damage.damaged)),
        unsent_events=sum(newest[lane] - receipted[lane] for lane in newest),
        ledger_bytes=sum(_size(data_dir / f"{FILE_NAME}{suffix}") for suffix in ("", "-wal")),
        volumes=len(files),
        volumes_bytes=sum(_size(file) for file in files),
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
