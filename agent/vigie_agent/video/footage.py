"""Clips as playback needs them: where each GOP begins, its bytes, and which event comes next."""

import sqlite3
from collections.abc import Callable
from datetime import datetime
from typing import Protocol, TypeVar

from vigie_agent.clips import fragments
from vigie_agent.store.clips import Segment
from vigie_agent.store.reader import Reader
from vigie_agent.video.playable import Gop, Neighbour, PlayableClip
from vigie_shared.errors import StoreError
from vigie_shared.i18n import gettext as _

T = TypeVar("T")


class Asked(Protocol):
    """Something with a reader: the store."""

    def ask(self, question: Callable[[Reader], T]) -> T:
        """The answer of its reader."""
        ...


class StoredFootage:
    """The store's clips (`vigie_agent.video.playable.Footage`). Methods block; they raise StoreError."""

    def __init__(self, store: Asked) -> None:
        self._store = store
        self._segments: dict[int, Segment] = {}
        self._clip_id = ""

    def clip(self, clip_id: str) -> PlayableClip:
        """What the clip is made of: two questions to the ledger, and no byte of the clip itself."""
        return self._store.ask(lambda reader: self._clip(reader, clip_id))

    def segment(self, clip_id: str, idx: int) -> bytes:
        """A segment that answers to its digest."""
        if clip_id != self._clip_id or idx not in self._segments:
            self.clip(clip_id)
        segment = self._segments.get(idx)
        if segment is None:
            raise _gone(clip_id)
        return self._store.ask(lambda reader: reader.segment_bytes(clip_id, segment))

    def neighbour(self, clip: PlayableClip, which: Neighbour) -> str | None:
        """The first clip of the next or the previous motion, or the one in which this one's goes on."""
        return self._store.ask(lambda reader: reader.ask(lambda ledger: _neighbour(ledger, clip.clip_id, which)))

    def _clip(self, reader: Reader, clip_id: str) -> PlayableClip:
        begun = reader.begun(clip_id)
        if begun is None:
            raise _gone(clip_id)
        segments = reader.segments(clip_id)
        self._clip_id, self._segments = clip_id, {segment.idx: segment for segment in segments}
        ended_at, is_finished, event_at = reader.ask(lambda ledger: _times(ledger, clip_id))
        return PlayableClip(
            clip_id=clip_id,
            camera_id=begun.camera_id,
            motion_id=begun.motion_id,
            at=begun.at,
            duration_seconds=(ended_at - begun.at).total_seconds(),
            codec=begun.codec,
            width_px=begun.width_px,
            height_px=begun.height_px,
            is_finished=is_finished,
            gops=tuple(_gops(reader, clip_id, segments)),
            event_seconds=max(0.0, (event_at - begun.at).total_seconds()),
        )


def _gops(reader: Reader, clip_id: str, segments: list[Segment]) -> list[Gop]:
    found, ticks = [], None
    for segment in segments[1:]:
        starts_ms = segment.starts_ms
        if starts_ms is None:  # stored under the first schema
            ticks = ticks or fragments.timescale(reader.segment_bytes(clip_id, segments[0]))
            span = fragments.span(ticks, reader.segment_bytes(clip_id, segment))
            if span is None:
                raise StoreError(
                    _("clip {clip}: segment {index} does not say when it begins").format(
                        clip=clip_id, index=segment.idx
                    )
                )
            starts_ms = span.starts_ms
        found.append(Gop(segment.idx, starts_ms / 1000, segment.size))
    return found


def _times(ledger: sqlite3.Connection, clip_id: str) -> tuple[datetime, bool, datetime]:
    """When it ended, whether that is its end, and when its motion began."""
    row = ledger.execute(
        "SELECT ended_at, sha256 IS NOT NULL, coalesce((SELECT min(e.at) FROM events e WHERE kind = 'motion_started'"
        " AND e.camera_id = c.camera_id AND e.at BETWEEN c.at AND c.ended_at"
        " AND json_extract(body, '$.motion_id') = c.motion_id), at) FROM clips c WHERE clip_id = ?",
        (clip_id,),
    ).fetchone()
    return datetime.fromisoformat(row[0]), bool(row[1]), datetime.fromisoformat(row[2])


_NEIGHBOURS: dict[Neighbour, str] = {
    "next": "SELECT n.clip_id FROM clips c JOIN clips n ON n.camera_id = c.camera_id AND n.at > c.at"
    " AND n.motion_id IS NOT c.motion_id WHERE c.clip_id = ? AND n.removed_at IS NULL ORDER BY n.at LIMIT 1",
    "previous": "SELECT n.clip_id FROM clips c JOIN clips n ON n.camera_id = c.camera_id AND n.at < c.at"
    " AND n.motion_id IS NOT c.motion_id WHERE c.clip_id = ? AND n.removed_at IS NULL ORDER BY n.at DESC LIMIT 1",
    "rest": "SELECT n.clip_id FROM clips c JOIN clips n ON n.motion_id = c.motion_id AND n.camera_id = c.camera_id"
    " AND n.at > c.at WHERE c.clip_id = ? AND n.removed_at IS NULL ORDER BY n.at LIMIT 1",
}
_FIRST = (
    "SELECT n.clip_id FROM clips c JOIN clips n ON n.motion_id = c.motion_id AND n.camera_id = c.camera_id"
    " WHERE c.clip_id = ? AND n.removed_at IS NULL ORDER BY n.at LIMIT 1"
)


def _neighbour(ledger: sqlite3.Connection, clip_id: str, which: Neighbour) -> str | None:
    def one(question: str, of: str) -> str | None:
        row = ledger.execute(question, (of,)).fetchone()
        return str(row[0]) if row else None

    if which != "previous":
        return one(_NEIGHBOURS[which], clip_id)
    found = one(_NEIGHBOURS["previous"], one(_FIRST, clip_id) or clip_id)
    return found and (one(_FIRST, found) or found)


def _gone(clip_id: str) -> StoreError:
    return StoreError(_("clip {clip} is not here; it may have made way for others").format(clip=clip_id))
