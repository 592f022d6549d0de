"""The desk between cameras and store: what a read hits goes with it; what the law lets nobody keep goes nowhere."""

from collections.abc import Sequence
from typing import Final, Protocol

import structlog

from vigie_agent.camera import FinishedClip
from vigie_agent.hotlists.lists import Found, Hotlists
from vigie_agent.hotlists.non_hits import NonHits
from vigie_agent.hotlists.pictures import small_picture
from vigie_shared.clock import Clock
from vigie_shared.events import AnyEvent, PlateHit, PlatePictured, PlateRead
from vigie_shared.ids import unique_id

log = structlog.get_logger(__name__)
HITS_A_READ_MAX: Final = 16


class Keeper(Protocol):
    """The store (`vigie_agent.store.Store`)."""

    def record(self, event: AnyEvent) -> None:
        """Keep an event."""
        ...

    def record_read(
        self, event: PlateRead, crop_jpeg: bytes, found: Sequence[PlateHit] = (), more: Sequence[AnyEvent] = ()
    ) -> None:
        """Keep a read with what it hits."""
        ...

    def record_hits(self, found: Sequence[PlateHit], crop_jpeg: bytes) -> object:
        """Keep hits without the plain read."""
        ...

    def keep_clip(self, clip: FinishedClip) -> None:
        """Keep a clip."""
        ...


class HitDesk:
    """A camera's sink (`vigie_agent.camera.Sink`). With `non_hits`, a read that hits nothing goes there alone."""

    def __init__(self, keeper: Keeper, lists: Hotlists, clock: Clock, non_hits: NonHits | None = None) -> None:
        self._keeper = keeper
        self._lists = lists
        self._clock = clock
        self._non_hits = non_hits

    def record(self, event: AnyEvent) -> None:
        """Keep `event` and tell the hub."""
        self._keeper.record(event)

    def keep_clip(self, clip: FinishedClip) -> None:
        """Keep a clip and tell the hub that it exists."""
        self._keeper.keep_clip(clip)

    def record_read(self, event: PlateRead, crop_jpeg: bytes) -> None:
        """Keep a read, its hits and its picture, as far as that is allowed."""
        found = self._lists.find(event.text, uncertain=event.uncertain, at=event.at)
        hits = self.hits(event, crop_jpeg, found, retro=False)
        if self._non_hits is None:
            self._keeper.record_read(event, crop_jpeg, hits, () if hits else _picture(event, crop_jpeg))
        elif hits:
            self._keeper.record_hits(hits, crop_jpeg)
        else:
            self._non_hits.put(event, crop_jpeg)

    def hits(self, read: PlateRead, crop_jpeg: bytes, found: Sequence[Found], *, retro: bool) -> list[PlateHit]:
        """What is told of a read that hits entries."""
        if not found:
            return []
        picture, now = small_picture(crop_jpeg), self._clock.now()
        return [
            PlateHit(
                at=now,
                camera_id=read.camera_id,
                clock_source=read.clock_source,
                clock_offset_ms=read.clock_offset_ms,
                hit_id=unique_id(now),
                read=read,
                entry_id=one.entry_id,
                list_id=one.list_id,
                list_version=one.list_version,
                rule=one.rule,
                list_age_seconds=round(one.list_age_seconds, 1),
                check_only=one.check_only,
                retro=retro,
                picture=picture,
            )
            for one in found[:HITS_A_READ_MAX]
        ]


def _picture(read: PlateRead, crop_jpeg: bytes) -> list[PlatePictured]:
    """An uncertain read travels with its picture, so that a person can read it."""
    picture = small_picture(crop_jpeg) if read.uncertain else b""
    if not picture:
        return []
    return [PlatePictured(at=read.at, camera_id=read.camera_id, read_id=read.read_id, picture=picture)]
