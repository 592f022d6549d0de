"""The lists that this agent follows: copies, indexes, and what a read finds in them."""

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from vigie_agent.hotlists.files import ListFiles
from vigie_agent.keys import HubKey
from vigie_shared.clock import Clock
from vigie_shared.errors import StoreError, WireError
from vigie_shared.hotlists.catalog import CatalogCopy, Offered
from vigie_shared.hotlists.columns import ID_BYTES, Columns
from vigie_shared.hotlists.copy import ListCopy
from vigie_shared.hotlists.entries import EXACT
from vigie_shared.hotlists.matching import Index
from vigie_shared.hotlists.sealed import CATALOG_KEY, PAYLOAD_BYTES_MAX, Head, head_key
from vigie_shared.receipts import Verifier

log = structlog.get_logger(__name__)


class Found(NamedTuple):
    """An entry that a read hits, and how far it can be trusted."""

    list_id: str
    list_version: int
    list_age_seconds: float
    entry_id: str
    rule: str
    check_only: bool


ALL: Final = "all"
"""Instead of names: every list that the hub offers."""
_UNKNOWN: Final = ("main",)
"""What is followed where the hub has no catalog: hubs of before it had this list at least."""


@dataclass(frozen=True)
class Bounds:
    """The most that an agent takes, of all lists together."""

    lists: int = 32
    plates: int = 500_000
    bytes: int = 8 * 1024**2
    """As they travel."""


class _Need(NamedTuple):
    """What a list that is left out would take."""

    version: int
    plates: int
    bytes: int


@dataclass
class _Followed:
    copy: ListCopy
    files: ListFiles
    in_force: tuple[Head, Index] | None = None
    """Swapped whole, so that any thread may read it."""

    def enforce(self) -> None:
        """What the copy holds counts from now on."""
        self.in_force = (self.copy.head, Index(self.copy.entries)) if self.copy.head else None

    def confirm(self, offered: Offered | None, issued_at: datetime | None) -> None:
        """The catalog, signed later than the head, says that this version is in force."""
        if self.in_force is None or offered is None or issued_at is None:
            return
        head, index = self.in_force
        if head.version == offered.version and head.issued_at < issued_at:
            said = {"issued_at": issued_at, "check_only_after_seconds": offered.check_only_after_seconds}
            self.in_force = (head.model_copy(update=said), index)


class _Nobody:
    """Before there is a hub."""

    def verify(self, _message: bytes, _signature: str) -> bool:
        """Nothing counts."""
        return False


class Hotlists:
    """Copies are changed by one task (`fetcher`), read by any thread: what is in force is swapped whole."""

    def __init__(
        self,
        data_dir: Path,
        list_ids: Iterable[str],
        clock: Clock,
        check_only_seconds: float,
        bounds: Bounds | None = None,
    ) -> None:
        """`list_ids`: names, or `ALL`."""
        self.follows_all = list_ids == ALL
        self.on_come: Callable[[], None] = lambda: None
        """Called, in any thread, where entries came whose like may lie in the store."""
        self._named = () if self.follows_all else tuple(dict.fromkeys(list_ids))
        self._data_dir = data_dir
        self._clock = clock
        self._check_only_seconds = check_only_seconds
        self._bounds = bounds or Bounds()
        self._followed: dict[str, _Followed] = {}
        self._left_out: dict[str, _Need] = {}
        self._beyond = 0
        self._hub_key = ""
        self._hub: Verifier = _Nobody()
        self._catalog = CatalogCopy(self._hub)
        self._catalog_files = ListFiles(data_dir, CATALOG_KEY)

    @property
    def list_ids(self) -> tuple[str, ...]:
        """What is followed: the names in the settings, or what the catalog offers, as many as may be."""
        if not self.follows_all:
            return self._named
        return _first(self._catalog, self._bounds.lists)

    def trust(self, hub_key: str) -> None:
        """Follow the lists of the hub whose key this is; takes those from the disk that it signed. Blocks."""
        if hub_key == self._hub_key:
            return
        self._hub, self._hub_key = HubKey(hub_key), hub_key
        self._catalog, self._followed, self._left_out = CatalogCopy(self._hub), {}, {}
        if self.follows_all:
            try:
                if data := self._catalog_files.load().get(head_key(CATALOG_KEY)):
                    self._catalog.feed(data)
            except WireError as error:
                log.warning("hotlist catalog on the disk refused", reason=str(error))
                self._catalog_files.erase()
        self._follow()
        if self.unseen():
            self.on_come()

    def offer_catalog(self, data: bytes) -> None:
        """Take the catalog: lists that it lacks match nothing from now on. Raises as `offer`. Blocks."""
        if not self._catalog.feed(data):
            return
        self._follow()
        self._catalog_files.save_head(data)
        beyond = len(self._catalog.offered) - len(self.list_ids)
        if beyond > self._beyond:
            log.warning("hotlists are not followed: [hotlists] lists_max", count=beyond, lists_max=self._bounds.lists)
        self._beyond = beyond

    def behind(self) -> tuple[str, ...]:
        """Lists of which the catalog offers another version than is here."""
        return tuple(list_id for list_id in self.list_ids if self.is_behind(list_id))

    def is_behind(self, list_id: str) -> bool:
        """Whether the catalog offers a newer version that this agent may take."""
        offered, one, need = self._catalog.of(list_id), self._followed.get(list_id), self._left_out.get(list_id)
        if offered is None or one is None or one.copy.version >= offered.version:
            return False
        return need is None or need.version < offered.version or self._fits(list_id, need)

    def has(self, versions: Mapping[str, int]) -> bool:
        """Whether what a hint tells of is here already, so that nothing needs to be asked. Reads only."""
        if self.follows_all:
            label = self._catalog.label
            return label is not None and label.version >= versions.get(CATALOG_KEY, 0) and not self.behind()
        return all(one.copy.version >= versions.get(list_id, 0) for list_id, one in self._followed.items())

    def _follow(self) -> None:
        """Open what is to be followed and is not, let go what is not to be followed any more."""
        wanted, before = self.list_ids, self._followed
        self._followed = {list_id: one for list_id, one in before.items() if list_id in wanted}
        for list_id, one in before.items():
            if list_id not in wanted:
                self._left_out.pop(list_id, None)
                one.files.erase()
                log.info("hotlist is offered no more", list_id=list_id)
        for list_id in wanted:
            if list_id not in self._followed:
                self._open(list_id)
            self._confirm(list_id)

    def _open(self, list_id: str) -> None:
        one = _Followed(ListCopy(list_id, self._hub), ListFiles(self._data_dir, list_id))
        try:
            one.copy.restore(one.files.load())
        except WireError as error:
            log.warning("hotlist on the disk refused", list_id=list_id, reason=str(error))
            one = _Followed(ListCopy(list_id, self._hub), one.files)
            one.files.erase()
        self._followed = {**self._followed, list_id: one}
        need = _Need(one.copy.version, len(one.copy.entries), one.copy.weight_bytes)
        if not self._fits(list_id, need):
            self._leave_out(list_id, need)
            return
        one.enforce()
        log.info("hotlist", list_id=list_id, version=one.copy.version, entries=len(one.copy.entries))

    def _confirm(self, list_id: str) -> None:
        self._followed[list_id].confirm(self._catalog.of(list_id), self._catalog.issued_at)

    def _fits(self, list_id: str, need: _Need) -> bool:
        others = [one.copy for name, one in self._followed.items() if name != list_id]
        plates = need.plates + sum(len(copy.entries) for copy in others)
        weight_bytes = need.bytes + sum(copy.weight_bytes for copy in others)
        return plates <= self._bounds.plates and weight_bytes <= self._bounds.bytes

    def _leave_out(self, list_id: str, need: _Need) -> None:
        """Too large beside the others: the hub matches its plates alone."""
        if list_id not in self._left_out:
            log.warning(
                "hotlist is not followed: [hotlists] plates_max or bytes_max",
                list_id=list_id,
                plates=need.plates,
                bytes=need.bytes,
                plates_max=self._bounds.plates,
                bytes_max=self._bounds.bytes,
            )
        self._left_out[list_id] = need
        fresh = _Followed(ListCopy(list_id, self._hub), ListFiles(self._data_dir, list_id))
        self._followed = {**self._followed, list_id: fresh}
        fresh.files.erase()

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
        news = one.copy.offer(data)
        if (coming := one.copy.coming) is not None:
            need = _Need(coming.version, coming.entries, (coming.snapshot_chunks - 1) * PAYLOAD_BYTES_MAX)
            if not self._fits(list_id, need):
                self._leave_out(list_id, need)
                return None
        if news and one.copy.wanted() is None and one.in_force and one.copy.head:
            one.in_force = (one.copy.head, one.in_force[1])
            self._confirm(list_id)
            one.files.save_head(data)
        return one.copy.wanted()

    def feed(self, list_id: str, key: str, data: bytes) -> str | None:
        """Take a value; the key to fetch next, None once all is in force. Raises as `offer`. Blocks."""
        one = self._followed[list_id]
        before, version_before, coming = one.copy.entries, one.copy.version, one.copy.coming
        is_whole = one.copy.feed(key, data)
        if is_whole or coming is None:
            need = _Need(one.copy.version, len(one.copy.entries), one.copy.weight_bytes)
        else:
            need = _Need(coming.version, coming.entries, one.copy.coming_bytes)
        if not self._fits(list_id, need):
            self._leave_out(list_id, need)
            return None
        if not is_whole:
            return one.copy.wanted()
        self._left_out.pop(list_id, None)
        one.enforce()
        self._confirm(list_id)
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
        versions = {list_id: (one.copy.version, one.files.seen()) for list_id, one in self._followed.items()}
        return {list_id: version for list_id, (version, seen) in versions.items() if version > seen}

    def note_seen(self, versions: dict[str, int]) -> None:
        """They were looked through."""
        followed = self._followed
        for list_id, version in versions.items():
            try:
                if list_id in followed:
                    followed[list_id].files.save_seen(version)
            except StoreError as error:
                log.error("hotlist not kept on the disk", list_id=list_id, reason=str(error))


def on_disk(
    data_dir: Path, hub_key: str, list_ids: Iterable[str], now: datetime, lists_max: int = Bounds.lists
) -> dict[str, dict[str, float]]:
    """Version, entries and age of the lists that an agent has on its disk; only looks."""
    hub, found = HubKey(hub_key), {}
    catalog = CatalogCopy(hub)
    if list_ids == ALL:
        with contextlib.suppress(WireError):
            if data := ListFiles(data_dir, CATALOG_KEY).load().get(head_key(CATALOG_KEY)):
                catalog.feed(data)
        list_ids = _first(catalog, lists_max)
    for list_id in list_ids:
        with contextlib.suppress(WireError):
            head = ListCopy(list_id, hub).head_of(ListFiles(data_dir, list_id).load())
            if head is not None:
                offered, issued_at = catalog.of(list_id), head.issued_at
                if offered is not None and offered.version == head.version and catalog.issued_at is not None:
                    issued_at = max(issued_at, catalog.issued_at)
                age = max(0.0, (now - issued_at).total_seconds())
                found[list_id] = {"version": head.version, "entries": head.entries, "age_seconds": round(age, 1)}
    return found


def _first(catalog: CatalogCopy, lists_max: int) -> tuple[str, ...]:
    """The lists of a catalog that are followed; what there was before catalogs where there is none."""
    if catalog.label is None:
        return _UNKNOWN
    return tuple(one.list_id for one in catalog.offered[:lists_max])


def _has_come(before: Columns, after: Columns) -> bool:
    known = {before.ids[at : at + ID_BYTES] for at in range(0, len(before.ids), ID_BYTES)}
    return any(after.ids[at : at + ID_BYTES] not in known for at in range(0, len(after.ids), ID_BYTES))
