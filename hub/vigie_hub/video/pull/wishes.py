"""Table `pulls`: what is wanted here, and what came of wishes that brought less than the clip. Outlives the hub."""

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, TypeVar, get_args

import structlog
from pydantic import BaseModel, ValidationError

from vigie_hub.database import iso
from vigie_hub.video.pull.pieces import Quality
from vigie_hub.video.pull.progress import Seen
from vigie_hub.video.pull.results import ArchivedClip
from vigie_hub.video.pull.transfer import Promise
from vigie_shared.clock import Clock
from vigie_shared.errors import DigestError
from vigie_shared.signaling import ClipPriority
from vigie_shared.transfer import Index, Manifest

T = TypeVar("T")
Model = TypeVar("Model", bound=BaseModel)
ENDED_MAX: Final = 1_000
"""Wishes that ended without the clip and are remembered, the newest; each can be asked for again."""
QUALITIES: Final[tuple[Quality, ...]] = get_args(Quality)
Outcome = Literal["failed", "stopped", "partial"]
_log = structlog.get_logger(__name__)

_PROMISE = "SELECT agent_id, clip_id, bytes, sha256 FROM clips WHERE clip_id = ?"
_ARCHIVED = """
INSERT INTO archived_clips (clip_id, sha256, bytes, pulled_at, pull_seconds) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (clip_id) DO NOTHING
"""
_ALTERED = "INSERT INTO audit (at, user, action, target) VALUES (?, 'hub', 'clip_digest_mismatch', ?)"
_ASKED = """
INSERT INTO pulls (clip_id, priority, asked_at, qualities) VALUES (?, ?, ?, ?)
ON CONFLICT (clip_id) DO UPDATE SET
    priority = excluded.priority, qualities = excluded.qualities, ended_at = NULL, outcome = NULL, detail = ''
"""
_ENDED = """
UPDATE pulls SET ended_at = ?, outcome = ?, detail = ?, manifest = ?, keyframes = ?, sub_stream = ? WHERE clip_id = ?
"""
_FORGET_OLD = """
DELETE FROM pulls WHERE ended_at IS NOT NULL AND clip_id NOT IN (
    SELECT clip_id FROM pulls WHERE ended_at IS NOT NULL ORDER BY ended_at DESC LIMIT ?
)
"""
_FORGET = "DELETE FROM pulls WHERE clip_id = ?"
_KNOWN = """
SELECT clip_id, priority, qualities, outcome, pulls.detail, manifest, keyframes, sub_stream,
    agent_id, clips.bytes, clips.sha256
FROM pulls LEFT JOIN clips USING (clip_id) ORDER BY asked_at, clip_id
"""
_DIGESTS = """
SELECT clips.sha256 FROM pulls JOIN clips USING (clip_id) WHERE outcome IS NULL OR outcome = 'failed'
"""


class Database(Protocol):
    """The read model (`vigie_hub.database.Database`)."""

    async def write(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """Run `change` as one transaction, durable on return."""
        ...

    async def read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Run `question` on a read-only snapshot."""
        ...


@dataclass(frozen=True, slots=True)
class Wish:
    """As it stands in the table. `seen` says what its agent had signed; what of that is here, only the disk knows."""

    clip_id: str
    priority: ClipPriority
    qualities: tuple[Quality, ...]
    outcome: Outcome | None
    """None while it waits or runs."""
    detail: str
    seen: Seen
    promise: Promise | None


class Wishes:
    """Durable on return."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def promise(self, clip_id: str) -> Promise | None:
        """What the agent's event said of the clip."""
        row = await self._database.read(lambda connection: connection.execute(_PROMISE, (clip_id,)).fetchone())
        return Promise(*row) if row else None

    async def ask(self, clip_id: str, priority: ClipPriority, qualities: tuple[Quality, ...]) -> None:
        """It is wanted from now on, so urgently and in these qualities."""
        asked = (clip_id, priority, iso(self._clock.now()), " ".join(qualities))
        await self._database.write(lambda connection: connection.execute(_ASKED, asked).rowcount)

    async def end(self, clip_id: str, outcome: Outcome, detail: str, seen: Seen) -> None:
        """It ended without the clip."""
        signed = (_packed(seen.manifest), _packed(seen.index), _packed(seen.small))
        row = (iso(self._clock.now()), outcome, detail, *signed, clip_id)

        def note(connection: sqlite3.Connection) -> None:
            connection.execute(_ENDED, row)
            connection.execute(_FORGET_OLD, (ENDED_MAX,))

        writing = asyncio.ensure_future(self._database.write(note))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await writing  # whoever asks has been told already: it must land
            raise

    async def forget(self, clip_id: str) -> None:
        """Nothing came of it, or nothing is left."""
        await self._database.write(lambda connection: connection.execute(_FORGET, (clip_id,)).rowcount)

    async def all(self) -> list[Wish]:
        """The oldest first."""
        rows = await self._database.read(lambda connection: connection.execute(_KNOWN).fetchall())
        return [_wish(row) for row in rows]

    async def digests(self) -> set[str]:
        """Of clips whose unfinished files are still of use to somebody."""
        rows = await self._database.read(lambda connection: connection.execute(_DIGESTS).fetchall())
        return {row[0] for row in rows}


async def archive_clip(
    database: Database, pulling: Coroutine[Any, Any, ArchivedClip], target: str, clock: Clock
) -> ArchivedClip:
    """Await a pull and record what came of it: the clip, or that its bytes were others (then raises DigestError)."""
    try:
        clip = await pulling
    except DigestError:
        await note_altered(database, target, clock)
        raise
    await database.write(lambda connection: _record(connection, clip))
    _log.info(
        "clip_archived",
        clip=target,
        bytes=clip.bytes,
        seconds=clip.pull_seconds,
        roads=list(clip.roads),
        received_bytes=clip.received_bytes,
    )
    return clip


async def note_altered(database: Database, target: str, clock: Clock) -> None:
    """Put on record that an agent's bytes were not those that it had promised."""
    at = iso(clock.now())
    await database.write(lambda connection: connection.execute(_ALTERED, (at, target)).rowcount)


def _record(connection: sqlite3.Connection, clip: ArchivedClip) -> None:
    row = (clip.clip_id, clip.sha256, clip.bytes, iso(clip.pulled_at), clip.pull_seconds)
    connection.execute(_ARCHIVED, row)
    connection.execute(_FORGET, (clip.clip_id,))


def _wish(row: sqlite3.Row) -> Wish:
    seen = Seen(
        manifest=_unpacked(Manifest, row["manifest"]),
        index=_unpacked(Index, row["keyframes"]),
        small=_unpacked(Manifest, row["sub_stream"]),
    )
    asked = row["qualities"].split()
    promise = Promise(row["agent_id"], row["clip_id"], row["bytes"], row["sha256"]) if row["sha256"] else None
    return Wish(
        row["clip_id"],
        row["priority"],
        tuple(quality for quality in QUALITIES if quality in asked),
        row["outcome"],
        row["detail"],
        seen,
        promise,
    )


def _packed(model: BaseModel | None) -> str | None:
    return None if model is None else model.model_dump_json()


def _unpacked(kind: type[Model], text: str | None) -> Model | None:
    """None where an older release wrote it otherwise: then it is asked for again."""
    try:
        return None if text is None else kind.model_validate_json(text)
    except ValidationError:
        return None
