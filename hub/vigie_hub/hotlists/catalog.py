"""The catalog as the hub publishes it: which lists there are. No clock, no database, no bus."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from vigie_hub.hotlists.book import Book, Value
from vigie_hub.hotlists.wishes import MAIN_LIST
from vigie_shared.hotlists.catalog import LISTS_MAX, CatalogCopy, Offered, encode
from vigie_shared.hotlists.sealed import CATALOG_KEY, Catalog, seal
from vigie_shared.receipts import Signer, Verifier

_PLACE = 3
"""After the heads: what the catalog names can be fetched."""


class CatalogBook:
    """What was said last, and what to say next."""

    def __init__(self, signer: Signer, verifier: Verifier) -> None:
        self._signer = signer
        self._said = CatalogCopy(verifier)
        self._above = 0

    @property
    def version(self) -> int:
        """What was said last; 0 before anything was."""
        return self._said.label.version if self._said.label else 0

    def restore(self, values: Mapping[str, bytes]) -> None:
        """Go on from what was said; raises WireError where that is damaged."""
        if CATALOG_KEY in values:
            self._said.feed(values[CATALOG_KEY])

    def go_above(self, version: int) -> None:
        """Agents may have seen that version, which is forgotten here: what is said next is newer."""
        self._above = version

    def say(self, books: Iterable[Book], at: datetime, pause: timedelta) -> list[Value]:
        """What to publish: the lists that look for anything, where that is news or was said longer ago than `pause`."""
        offered = offered_by(books)[:LISTS_MAX]
        said = self._said
        version = self.version
        if said.label is None or offered != said.offered or self._above > version:
            version = max(version + 1, self._above + 1) if version else max(int(at.timestamp()), self._above + 1)
        elif at - said.label.issued_at < pause:
            return []
        label = Catalog(version=version, issued_at=at)
        said.label, said.offered, self._above = label, offered, 0
        return [Value(CATALOG_KEY, version, _PLACE, seal(label, encode(offered), self._signer))]


def offered_by(books: Iterable[Book]) -> tuple[Offered, ...]:
    """Lists that look for a plate, `main` first: agents that take fewer take the first."""
    found = (
        Offered(book.list_id, book.version, book.head.check_only_after_seconds)
        for book in books
        if book.head is not None and len(book.entries)
    )
    return tuple(sorted(found, key=lambda one: (one.list_id != MAIN_LIST, one.list_id)))
