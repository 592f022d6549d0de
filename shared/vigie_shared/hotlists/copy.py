"""An edge's copy of one list: says which value it needs next, takes it, and is in force once it is whole and right."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from vigie_shared.errors import WireError
from vigie_shared.hotlists import coding
from vigie_shared.hotlists.columns import Columns
from vigie_shared.hotlists.sealed import Chunk, Head, chunk_key, delta_key, head_key, unseal
from vigie_shared.receipts import Verifier

DELTAS_HELD_MAX: Final = 512
"""With more of them in hand, a whole list is fetched: it starts faster."""


class ListCopy:
    """`head` and `entries` are what is in force; both change together, when `feed` says so.

    Raises WireError, and stays as it is, where a value is not the hub's, or is not what it must be.
    """

    def __init__(self, list_id: str, verifier: Verifier) -> None:
        self.list_id = list_id
        self.head: Head | None = None
        self.entries = Columns()
        self.values: dict[str, bytes] = {}
        """The values that `entries` were made of, with the head: what to keep on the disk."""
        self._verifier = verifier
        self._coming: Head | None = None
        self._came: dict[str, bytes] = {}
        self._whole_due = False

    @property
    def version(self) -> int:
        """In force; 0 before there is any."""
        return self.head.version if self.head else 0

    @property
    def coming(self) -> Head | None:
        """What is being fetched."""
        return self._coming

    @property
    def weight_bytes(self) -> int:
        """What `entries` weigh as they came."""
        return sum(map(len, self.values.values()))

    @property
    def coming_bytes(self) -> int:
        """What of the coming version is here."""
        return sum(map(len, self._came.values()))

    def age_seconds(self, now: datetime) -> float:
        """How long ago the hub said that this is in force; a hub whose clock is ahead counts as just now."""
        return max(0.0, (now - self.head.issued_at).total_seconds()) if self.head else float("inf")

    def offer(self, data: bytes) -> bool:
        """Take the bucket's head; whether anything is to be fetched, or the head itself is newer.

        A head of an older version, or one that was issued before that in force, is refused.
        """
        head, _payload = unseal(data, head_key(self.list_id), self._verifier)
        assert isinstance(head, Head)
        known = self._coming or self.head
        if known is not None and head.version < known.version:
            raise WireError(f"hotlist {self.list_id}: version {head.version} is older than {known.version}: refused")
        if self.head is not None and head.version == self.head.version:
            if head.issued_at <= self.head.issued_at:
                return False
            if head.digest != self.head.digest:
                raise WireError(f"hotlist {self.list_id}: version {head.version} says two things: refused")
            self.head, self.values[head.key] = head, data
            return True
        self._coming, self._came[head.key] = head, data
        return True

    def wanted(self) -> str | None:
        """The key to fetch next; None where nothing is missing."""
        return next((key for key in self._plan() if key not in self._came), None)

    def feed(self, key: str, data: bytes) -> bool:
        """Take the value of a key that was wanted; True where another version is now in force."""
        unseal(data, key, self._verifier)
        self._came[key] = data
        if self._coming is None or self.wanted() is not None:
            return False
        whole = self._is_whole_planned()
        came = {key: self._came[key] for key in self._plan()}
        try:
            base = self._snapshot(came) if whole else self.entries
            entries = self._with_deltas(base, came)
            if coding.digest(entries) != self._coming.digest:
                raise WireError(f"hotlist {self.list_id}: version {self._coming.version} is not what was signed")
        except WireError:
            self.give_up(whole=True)
            raise
        came[self._coming.key] = self._came[self._coming.key]
        self.values = {**({} if whole else self.values), **came}
        self.head, self.entries = self._coming, entries
        self.give_up()
        return True

    def give_up(self, *, whole: bool = False) -> None:
        """Fetch no more for now, a value is not there; `whole`: deltas lead nowhere, begin with a whole list."""
        self._coming = None
        self._came = {}
        self._whole_due = whole

    def restore(self, values: Mapping[str, bytes]) -> bool:
        """Be what `values` once was; WireError where they are not whole. True where a version is in force."""
        head = self.head_of(values)
        if head is None:
            return False
        for key, data in values.items():
            unseal(data, key, self._verifier)
        entries = self._with_deltas(self._snapshot(values), values, upto=head.version)
        if coding.digest(entries) != head.digest:
            raise WireError(f"hotlist {self.list_id}: the copy on the disk is not what was signed")
        ahead = {key for key in values if ".d." in key and int(key.rsplit(".", 1)[1]) > head.version}
        self.head, self.entries = head, entries
        self.values = {key: data for key, data in values.items() if key not in ahead}
        return True

    def head_of(self, values: Mapping[str, bytes]) -> Head | None:
        """The head among them; None where there is none."""
        key = head_key(self.list_id)
        label, _payload = unseal(values[key], key, self._verifier) if key in values else (None, b"")
        return label if isinstance(label, Head) else None

    def _plan(self) -> list[str]:
        """Every key that the coming version needs."""
        head = self._coming
        if head is None:
            return []
        first, keys = self.version + 1, []
        if self._is_whole_planned():
            keys = [chunk_key(self.list_id, head.snapshot_version, n) for n in range(head.snapshot_chunks)]
            first = head.snapshot_version + 1
        return [*keys, *(delta_key(self.list_id, version) for version in range(first, head.version + 1))]

    def _is_whole_planned(self) -> bool:
        head = self._coming
        if head is None:
            return False
        deltas_held = len([key for key in self.values if ".d." in key])
        follows = self.head is not None and head.oldest_delta <= self.version + 1
        return self._whole_due or not follows or deltas_held + head.version - self.version > DELTAS_HELD_MAX

    def _snapshot(self, values: Mapping[str, bytes]) -> Columns:
        pieces: dict[int, bytes] = {}
        for key in values:
            label, payload = unseal(values[key], key, self._verifier)
            if isinstance(label, Chunk):
                pieces[label.number] = payload
        return coding.decode(b"".join(pieces[number] for number in sorted(pieces)))

    def _with_deltas(self, entries: Columns, values: Mapping[str, bytes], upto: int | None = None) -> Columns:
        versions = sorted(int(key.rsplit(".", 1)[1]) for key in values if ".d." in key)
        for version in versions:
            if upto is None or version <= upto:
                key = delta_key(self.list_id, version)
                gone, come = coding.decode_change(unseal(values[key], key, self._verifier)[1])
                entries = entries.changed(gone, come)
        return entries
