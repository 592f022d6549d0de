"""The lists that this agent follows: copies, indexes, and what a read finds in them."""

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import structlog

from vigie_agent.hotlists.files import ListFiles
from vigie_agent.keys import HubKey
from vigie_shared.clock import Clock
from vigie_shared.errors import StoreError, WireError
from vigie_shared.hotlists.columns import ID_BYTES, Columns
from vigie_shared.hotlists.copy import ListCopy
from vigie_shared.hotlists.entries import EXACT
from vigie_shared.hotlists.matching import Index
from vigie_shared.hotlists.sealed import Head

log = structlog.get_logger(__name__)


class Found(NamedTuple):
    """An entry that a read hits, and how far it can be trusted."""

    list_id: str
    list_version: int
    list_age_seconds: float
    entry_id: str
    rule: str
    check_only: bool


@dataclass
class _Followed:
    copy: ListCopy
    files: ListFiles
    in_force: tuple[Head, Index] | None = None
    """Swapped whole, so that any thread may read it."""

    def enforce(self) -> None:
        """What the copy holds counts from now on."""
        self.in_force = (self.copy.head, Index(self.copy.entries)) if self.copy.head else None


class Hotlists:
    """Copies are changed by one task (`fetcher`), read by any thread: what is in force is swapped whole."""

    def __init__(self, data_dir: Path, list_ids: Iterable[str], clock: Clock, check_only_seconds: float) -> None:
        self.list_ids = tuple(dict.fromkeys(list_ids))
        self.on_come: Callable[[], None] = lambda: None
        """Called, in any thread, where entries came whose like may lie in the store."""
        self._data_dir = data_dir
        self._clock = clock
        self._check_only_seconds = check_only_seconds
        self._followed: dict[str, _Followed] = {}
        self._hub_key = ""

    def trust(self, hub_key: str) -> None:
        """Follow the lists of the hub whose key this is; takes those from the disk that it signed. Blocks."""
        if hub_key == self._hub_key:
            return
        hub, followed = HubKey(hub_key), {}
        for list_id in self.list_ids:
            one = _Followed(ListCopy(list_id, hub), ListFiles(self._data_dir, list_id))
            try:
                one.copy.restore(one.files.load())
            except WireError as error:
                log.warning("hotlist on the disk refused", list_id=list_id, reason=str(error))
                one = _Followed(ListCopy(list_id, hub), one.files)
                one.files.erase()
            one.enforce()
            followed[list_id] = one
            log.info("hotlist", list_id=list_id, version=one.copy.version, entries=len(one.copy.entries))
        self._followed, self._hub_key = followed, hub_key
        if self.unseen():
            self.on_come()

    def find(self, text: str, *, uncertain: bool, at: datetime) -> list[Found]:
        """What a read of that time hits now."""
        now, found = self._clock.now(), []
        for list_id, one in self._followed.items():
            if one.in_force is None:
                continue
            head, index = one.in_force
            age = max(0.0, (now - head.issued_at).total_seconds())
            is_old = age > min(head.check_only_after_seconds, self._check_only_seconds)
            for match in index.find(text, uncertain=uncertain, at=at):
                check_only = is_old or match.rule != EXACT
                found.append(Found(list_id, head.version, age, match.entry_id, match.rule, check_only))
        return found

    def ages(self) -> dict[str, tuple[int, int, float]]:
        """Version, entries and age in seconds of each list that is in force."""
        now = self._clock.now()
        standing = {list_id: one.in_force for list_id, one in self._followed.items() if one.in_force}
        return {
            list_id: (head.version, len(index), max(0.0, (now - head.issued_at).total_seconds()))
            for list_id, (head, index) in standing.items()
        }

    def offer(self, list_id: str, data: bytes) -> str | None:
        """Take a head; the key to fetch next. WireError where it is refused, StoreError by the disk. Blocks."""
        one = self._followed[list_id]
        if one.copy.offer(data) and one.copy.wanted() is None and one.in_force and one.copy.head:
            one.in_force = (one.copy.head, one.in_force[1])
            one.files.save_head(data)
        return one.copy.wanted()

    def feed(self, list_id: str, key: str, data: bytes) -> str | None:
        """Take a value; the key to fetch next, None once all is in force. Raises as `offer`. Blocks."""
        one = self._followed[list_id]
        before, version_before = one.copy.entries, one.copy.version
        if not one.copy.feed(key, data):
            return one.copy.wanted()
        one.enforce()
        log.info("hotlist", list_id=list_id, version=one.copy.version, entries=len(one.copy.entries))
        one.files.save(one.copy.values)
        if _has_come(before, one.copy.entries):
            self.on_come()
        elif one.files.seen() == version_before:
            one.files.save_seen(one.copy.version)
        return None

    def give_up(self, list_id: str) -> None:
        """A value is not in the bucket: the next head says what is."""
        self._followed[list_id].copy.give_up()

    def unseen(self) -> dict[str, int]:
        """Versions for which stored reads were not looked through yet."""
        versions = {list_id: one.copy.version for list_id, one in self._followed.items()}
        return {
            list_id: version for list_id, version in versions.items() if version > self._followed[list_id].files.seen()
        }

    def note_seen(self, versions: dict[str, int]) -> None:
        """They were looked through."""
        for list_id, version in versions.items():
            try:
                self._followed[list_id].files.save_seen(version)
            except StoreError as error:
                log.error("hotlist not kept on the disk", list_id=list_id, reason=str(error))


def on_disk(data_dir: Path, hub_key: str, list_ids: Iterable[str], now: datetime) -> dict[str, dict[str, float]]:
    """Version, entries and age of the lists that an agent has on its disk; only looks."""
    found = {}
    for list_id in list_ids:
        with contextlib.suppress(WireError):
            head = ListCopy(list_id, HubKey(hub_key)).head_of(ListFiles(data_dir, list_id).load())
            if head is not None:
                age = max(0.0, (now - head.issued_at).total_seconds())
                found[list_id] = {"version": head.version, "entries": head.entries, "age_seconds": round(age, 1)}
    return found


def _has_come(before: Columns, after: Columns) -> bool:
    known = {before.ids[at : at + ID_BYTES] for at in range(0, len(before.ids), ID_BYTES)}
    return any(after.ids[at : at + ID_BYTES] not in known for at in range(0, len(after.ids), ID_BYTES))
