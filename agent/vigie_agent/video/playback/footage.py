"""Clips as playback needs them: where each GOP begins, its bytes, and which event comes next."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from vigie_agent.clips import fragments
from vigie_agent.store import playing
from vigie_agent.store.clips import Segment
from vigie_agent.store.playing import Neighbour
from vigie_agent.store.reader import Reader
from vigie_agent.video.playback.playable import Gop, PlayableClip
from vigie_shared.errors import StoreError
from vigie_shared.i18n import gettext as _

T = TypeVar("T")


class Asked(Protocol):
    """Something with a reader: the store."""

    def ask(self, question: Callable[[Reader], T]) -> T:
        """The answer of its reader."""
        ...


class StoredFootage:
    """The store's clips for one viewer (`vigie_agent.video.playback.playable.Footage`); one call at a time.

    Methods block; they raise StoreError.
    """

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
        return self._store.ask(lambda reader: reader.ask(lambda ledger: playing.neighbour(ledger, clip.clip_id, which)))

    def _clip(self, reader: Reader, clip_id: str) -> PlayableClip:
        begun = reader.begun(clip_id)
        if begun is None:
            raise _gone(clip_id)
        segments = reader.segments(clip_id)
        self._clip_id, self._segments = clip_id, {segment.idx: segment for segment in segments}
        ended_at, is_finished, event_at = reader.ask(lambda ledger: playing.times(ledger, clip_id))
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


def _gone(clip_id: str) -> StoreError:
    return StoreError(_("clip {clip} is not here; it may have made way for others").format(clip=clip_id))
