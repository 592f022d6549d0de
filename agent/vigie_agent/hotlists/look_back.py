"""Looks back: when plates come to a list, reads that are stored already are matched too, once, slowly."""

import asyncio
import contextlib
import os
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog

from vigie_agent.hotlists.desk import HitDesk, Keeper
from vigie_agent.hotlists.lists import Hotlists
from vigie_agent.hotlists.non_hits import NonHits
from vigie_agent.logs import FaultLog
from vigie_agent.store.hits import StoredReads
from vigie_shared.clock import Clock
from vigie_shared.errors import StoreError
from vigie_shared.events import PlateRead

log = structlog.get_logger(__name__)

SLICE_READS: Final = 500
REST_SECONDS: Final = 0.05
"""Between two slices: at most about a fifth of one core, and the disk is left to the cameras."""
_NICE: Final = 15


class LookBack:
    """A thread that sleeps until entries come. A pair of read and entry is told once: the store remembers it."""

    def __init__(
        self,
        data_dir: Path,
        lists: Hotlists,
        desk: HitDesk,
        keeper: Keeper,
        clock: Clock,
        *,
        hours: float,
        reads_max: int,
        non_hits: NonHits | None = None,
    ) -> None:
        self._data_dir = data_dir
        self._lists = lists
        self._desk = desk
        self._keeper = keeper
        self._clock = clock
        self._span = timedelta(hours=hours)
        self._reads_max = reads_max
        self._non_hits = non_hits
        self._stop = threading.Event()
        self._due = threading.Event()
        self._fault = FaultLog(log)
        lists.on_come = self._due.set

    async def run(self) -> None:
        """Look back whenever entries have come, until cancelled."""
        thread = threading.Thread(target=self._watch, name="look back")
        if self._lists.unseen():
            self._due.set()
        thread.start()
        try:
            await asyncio.Event().wait()
        finally:
            self._stop.set()
            self._due.set()
            await asyncio.shield(asyncio.to_thread(thread.join))

    def look(self) -> int:
        """Match what is stored with the lists that are in force; how many hits were handed to the store."""
        versions, hits = self._lists.unseen(), 0
        with contextlib.closing(StoredReads(self._data_dir)) as stored:
            for read, crop_jpeg in self._matching(stored):
                found = self._lists.find(read.text, uncertain=read.uncertain, at=read.at)
                known = stored.hit_entries(read.read_id)
                told = self._desk.hits(read, crop_jpeg, [one for one in found if one.entry_id not in known], retro=True)
                if told:
                    self._keeper.record_hits(told, crop_jpeg)
                    hits += len(told)
        if not self._stop.is_set():
            self._lists.note_seen(versions)
        return hits

    def _watch(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        while not self._stop.is_set():
            if not self._due.wait(1.0):
                if self._non_hits is not None:
                    self._non_hits.forget()
                continue
            self._due.clear()
            if self._stop.is_set():
                return
            try:
                hits = self.look()
                self._fault.clear("stored reads can be looked through again")
                log.info("looked back", hits=hits)
            except StoreError as error:
                self._fault.report("stored reads cannot be looked through", reason=str(error))

    def _matching(self, stored: StoredReads) -> Iterator[tuple[PlateRead, bytes]]:
        """Reads that hit something, with their pictures."""
        for held in self._non_hits.held() if self._non_hits is not None else ():
            if self._lists.find(held.read.text, uncertain=held.read.uncertain, at=held.read.at):
                yield held.read, held.crop_jpeg
        yield from self._stored(stored)

    def _stored(self, stored: StoredReads) -> Iterator[tuple[PlateRead, bytes]]:
        before, seen, now = None, 0, self._clock.now()
        while seen < self._reads_max and not self._stop.is_set():
            some = stored.before(before, now - self._span, SLICE_READS)
            for read in some:
                if self._lists.find(read.text, uncertain=read.uncertain, at=read.seen_at):
                    whole = stored.read(read.event_id)
                    if whole is not None:
                        yield whole
            if len(some) < SLICE_READS:
                return
            before, seen = some[-1].event_id, seen + len(some)
            self._stop.wait(REST_SECONDS)
