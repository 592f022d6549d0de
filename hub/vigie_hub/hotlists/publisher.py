"""Publishes lists: what was edited becomes signed values in a table, then in bucket `HL`, then a hint to all agents.

A hub that dies anywhere in between goes on where the table stands.
"""

import asyncio
from datetime import timedelta
from typing import Final

import nats.errors
import nats.js.errors
import structlog
from nats.aio.client import Client
from nats.js.api import DiscardPolicy, StreamConfig

from vigie_hub.database import Database
from vigie_hub.hotlists import values
from vigie_hub.hotlists.book import Book, Value
from vigie_hub.hotlists.catalog import CatalogBook, offered_by
from vigie_hub.hotlists.values import Standing
from vigie_hub.keys import KeyPair, PublicKey
from vigie_hub.settings import HotlistSettings
from vigie_shared import subjects
from vigie_shared.clock import Clock
from vigie_shared.errors import StoreError, WireError
from vigie_shared.hotlists.catalog import LISTS_MAX
from vigie_shared.hotlists.sealed import CATALOG_KEY, HINT, Catalog, Head, direct_get, head_key, subject_of, unseal

log = structlog.get_logger(__name__)
LOOK_SECONDS: Final = 1.0
REMINDER_SECONDS: Final = (10.0, 25.0)
"""A hint may be lost between here and an agent: it is said again, so long after an edit."""
_ANSWER_SECONDS: Final = 5.0
_BUCKET_BYTES_MAX: Final = 512 * 1024**2


class Publisher:
    """One per hub; no other writes the bucket."""

    def __init__(
        self,
        client: Client,
        database: Database,
        key: KeyPair,
        clock: Clock,
        settings: HotlistSettings,
        *,
        replicas: int = 1,
    ) -> None:
        self._client = client
        self._database = database
        self._key = key
        self._verifier = PublicKey(key.public_key)
        self._clock = clock
        self._settings = settings
        self._replicas = replicas
        self._books: dict[str, Book] = {}
        self._catalog = CatalogBook(key, self._verifier)
        self._left_out = 0
        self._announced: dict[str, int] = {}
        self._reminders_due: list[float] = []
        self._complained = False

    async def run(self) -> None:
        """Publish until cancelled, through restarts of the server."""
        while True:
            try:
                await self._open_bucket()
                connection_number = self._client.stats["reconnects"]
                for standing in await self._database.read(values.standings):
                    await self._compare(standing)
                await self._compare_catalog()
                self._announced = {}
                self._complained = False
                while self._client.stats["reconnects"] == connection_number:
                    await self.look()
                    await asyncio.sleep(LOOK_SECONDS)
            except (nats.errors.Error, TimeoutError, OSError, StoreError) as error:
                level = log.debug if self._complained else log.warning
                level("hotlists_not_published", reason=str(error) or type(error).__name__)
                self._complained = True
                await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Publish what was edited, and sign anew what was not for long."""
        for standing in await self._database.read(values.standings):
            await self._book(standing)
            if not standing.is_told:
                await self._tell(standing)
            elif self._is_due(standing):
                await self._confirm(standing)
        await self._tell_catalog()
        await self._put_waiting()
        now_seconds = self._clock.monotonic_seconds()
        if self._versions() != self._announced:
            await self._announce()
            self._reminders_due = [now_seconds + after for after in REMINDER_SECONDS]
        elif self._reminders_due and now_seconds >= self._reminders_due[0]:
            await self._announce()
            self._reminders_due.pop(0)

    def _is_due(self, standing: Standing) -> bool:
        pause = timedelta(minutes=self._settings.confirm_minutes)
        return standing.issued_at is None or self._clock.now() - standing.issued_at >= pause

    async def _tell(self, standing: Standing) -> None:
        """Sign what was edited since; the values are durable before anyone sees them."""
        book, now = await self._book(standing), self._clock.now()
        gone, come = await self._database.read(lambda connection: values.changes(connection, standing))
        made = await asyncio.to_thread(book.change, gone, come, now, standing.check_only_seconds)
        await self._keep(standing, book, made or book.confirm(now, standing.check_only_seconds))

    async def _confirm(self, standing: Standing) -> None:
        book = await self._book(standing)
        await self._keep(standing, book, book.confirm(self._clock.now(), standing.check_only_seconds))

    async def _tell_catalog(self) -> None:
        """Sign which lists there are, where that has changed or was not said for long."""
        pause = timedelta(minutes=self._settings.confirm_minutes)
        made = self._catalog.say(self._books.values(), self._clock.now(), pause)
        if not made:
            return
        try:
            await self._database.write(lambda connection: values.keep_catalog(connection, made))
        except BaseException:
            await self._open_catalog()  # it is ahead of the table
            raise
        left_out = max(0, len(offered_by(self._books.values())) - LISTS_MAX)
        if left_out > self._left_out:
            log.warning("hotlists_not_in_the_catalog", count=left_out, most=LISTS_MAX)
        self._left_out = left_out

    async def _open_catalog(self) -> None:
        """Go on from what was said last; a damaged one is said anew, above the bucket's."""
        self._catalog = CatalogBook(self._key, self._verifier)
        try:
            self._catalog.restore(await self._database.read(lambda connection: values.load(connection, CATALOG_KEY)))
        except WireError as error:
            log.error("hotlist_catalog_damaged", reason=str(error))

    async def _compare_catalog(self) -> None:
        """See whether bucket, table and catalog are in one place."""
        await self._open_catalog()
        found = await self._bucket_version(CATALOG_KEY)
        if found > self._catalog.version:
            self._catalog.go_above(found)
        elif found < self._catalog.version:
            await self._database.write(lambda connection: values.put_again(connection, CATALOG_KEY))

    async def _begin_anew(self, standing: Standing, above: int) -> None:
        """What was published is not known here, after a restore from a copy: go on above it, with a whole list."""
        log.warning("hotlist_versions_forgotten", list_id=standing.list_id, version=standing.version, bucket=above)
        book, now = await self._book(standing), self._clock.now()
        entries = await self._database.read(lambda connection: values.all_active(connection, standing.list_id))
        made = await asyncio.to_thread(book.begin, entries, now, standing.check_only_seconds, above)
        await self._keep(standing, book, made)

    async def _keep(self, standing: Standing, book: Book, made: list[Value]) -> None:
        try:
            issued_at = book.head.issued_at if book.head else None
            spent = await self._database.write(
                lambda connection: values.keep(connection, standing, made, issued_at, book.is_spent)
            )
        except BaseException:
            self._books.pop(standing.list_id, None)  # it is ahead of the table
            raise
        for key in spent:
            await self._client.jetstream().purge_stream(subjects.HOTLIST_STREAM, subject=subject_of(key))
        if book.version != standing.version:
            log.info("hotlist_version", list_id=book.list_id, version=book.version, entries=len(book.entries))

    async def _book(self, standing: Standing) -> Book:
        """The list as it was published; empty where its values are damaged."""
        if standing.list_id not in self._books:
            book = Book(standing.list_id, self._key, self._verifier)
            known = await self._database.read(lambda connection: values.load(connection, standing.list_id))
            try:
                await asyncio.to_thread(book.restore, known)
            except WireError as error:
                log.error("hotlist_values_damaged", list_id=standing.list_id, reason=str(error))
                book = Book(standing.list_id, self._key, self._verifier)
            self._books[standing.list_id] = book
        return self._books[standing.list_id]

    async def _put_waiting(self) -> None:
        """Bring the bucket to where the table is."""
        stream = self._client.jetstream(timeout=_ANSWER_SECONDS)
        while some := await self._database.read(values.waiting):
            for value in some:
                await stream.publish(subject_of(value.key), value.data)
            now = self._clock.now()
            await self._database.write(lambda connection, put=some, at=now: values.note_put(connection, put, at))  # type: ignore[misc]

    async def _announce(self) -> None:
        """A hint: agents look, and believe only what is signed."""
        self._announced = self._versions()
        await self._client.publish(subjects.hotlists_changed(), HINT.dump_json(self._announced))

    def _versions(self) -> dict[str, int]:
        return {CATALOG_KEY: self._catalog.version, **{one.list_id: one.version for one in self._books.values()}}

    async def _open_bucket(self) -> None:
        """The bucket as key-value clients know it: one value a key, read without a consumer."""
        config = StreamConfig(
            name=subjects.HOTLIST_STREAM,
            subjects=[subject_of(">")],
            max_msgs_per_subject=1,
            max_bytes=_BUCKET_BYTES_MAX,
            num_replicas=self._replicas,
            discard=DiscardPolicy.NEW,
            allow_direct=True,
            allow_rollup_hdrs=True,
            deny_delete=True,
        )
        stream = self._client.jetstream(timeout=_ANSWER_SECONDS)
        try:
            await stream.update_stream(config)
        except nats.js.errors.NotFoundError:
            await stream.add_stream(config)

    async def _compare(self, standing: Standing) -> None:
        """See whether bucket, table and book are in one place."""
        book = await self._book(standing)
        found = await self._bucket_version(head_key(standing.list_id))
        if found > standing.version or book.version != standing.version:
            await self._begin_anew(standing, max(found, standing.version))
        elif found < standing.version:
            await self._database.write(lambda connection: values.put_again(connection, standing.list_id))

    async def _bucket_version(self, key: str) -> int:
        """What version the bucket has under that key; 0 where it has none that this hub signed."""
        reply = await self._client.request(direct_get(key), b"", timeout=_ANSWER_SECONDS)
        try:
            label, _payload = unseal(reply.data, key, self._verifier)
        except WireError:
            return 0
        return label.version if isinstance(label, Head | Catalog) else 0
