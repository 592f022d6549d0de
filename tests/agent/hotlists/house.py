"""An agent's hotlists with a real store, and what a hub would have put into the bucket."""

import io
from pathlib import Path
from typing import Any

import nkeys
import numpy as np
from PIL import Image

from tests.agent.store.samples import START, FixedClock, open_store, settle
from vigie_agent.hotlists.desk import HitDesk
from vigie_agent.hotlists.files import ListFiles
from vigie_agent.hotlists.lists import Hotlists
from vigie_agent.hotlists.look_back import LookBack
from vigie_agent.hotlists.non_hits import NonHits
from vigie_agent.keys import AgentKey
from vigie_agent.store import Store
from vigie_shared.events import AnyEvent, Lane, StrangeEvent
from vigie_shared.hotlists import coding
from vigie_shared.hotlists.columns import Columns
from vigie_shared.hotlists.entries import Entry, Terms
from vigie_shared.hotlists.sealed import Chunk, Delta, Head, seal

HUB = AgentKey(nkeys.encode_seed(b"h" * 32, nkeys.PREFIX_BYTE_SERVER).decode())


def entry(text: str, number: int, *rules: str) -> Entry:
    return Entry(text, f"{number:022x}", Terms(rules))


def crop(width: int = 120, noise: int = 40) -> bytes:
    """A picture of a plate, more or less."""
    chance = np.random.default_rng(7)
    luma = np.clip(chance.normal(128, noise, (width // 3, width)), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(luma).save(file, "JPEG", quality=85)
    return file.getvalue()


class House:
    """One list, `main`, that the test edits."""

    def __init__(self, folder: Path, *, non_hits_seconds: float | None = None, **more: Any) -> None:
        self.folder = folder
        self.clock = FixedClock()
        self.store: Store = open_store(folder, clock=self.clock)
        self.non_hits = None if non_hits_seconds is None else NonHits(non_hits_seconds, 1 << 20, self.clock)
        self.lists = Hotlists(folder, ["main"], self.clock, 24 * 3600)
        self.desk = HitDesk(self.store, self.lists, self.clock, self.non_hits)
        self.look_back = LookBack(
            folder,
            self.lists,
            self.desk,
            self.store,
            self.clock,
            **{"hours": 48, "reads_max": 10_000, "non_hits": self.non_hits, **more},
        )
        self.lists.trust(HUB.public_key)
        self.entries = Columns()
        self.version = 0
        self.issued_at = START

    def publish(self, *entries: Entry) -> None:
        """The list is now this: a delta where there was one before."""
        before, self.entries = self.entries, Columns.of(entries)
        self.version += 1
        values = {}
        if self.version == 1:
            chunk = Chunk(list_id="main", version=1, number=0)
            values[chunk.key] = seal(chunk, coding.encode(self.entries), HUB)
        else:
            gone = [one.entry_id for one in before if one not in list(self.entries)]
            delta = Delta(list_id="main", version=self.version)
            values[delta.key] = seal(delta, coding.encode_change(gone, self.entries), HUB)
        wanted = self.lists.offer("main", self.head())
        while wanted is not None:
            wanted = self.lists.feed("main", wanted, values[wanted])

    def head(self) -> bytes:
        label = Head(
            list_id="main",
            version=self.version,
            issued_at=self.issued_at,
            entries=len(self.entries),
            digest=coding.digest(self.entries),
            snapshot_version=1,
            snapshot_chunks=1,
            oldest_delta=2,
            check_only_after_seconds=3600,
        )
        return seal(label, b"", HUB)

    def told(self, lane: Lane) -> list[AnyEvent | StrangeEvent]:
        """What the hub is to hear in a lane."""
        settle(self.store)
        return [row.event for row in self.store.outbox_after(lane, 0, 1000)]

    def files(self) -> ListFiles:
        return ListFiles(self.folder, "main")
