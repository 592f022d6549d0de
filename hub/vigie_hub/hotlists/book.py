"""A list as the hub publishes it: from changes to signed values. No clock, no database, no bus."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from vigie_shared.hotlists import coding
from vigie_shared.hotlists.columns import Columns
from vigie_shared.hotlists.copy import ListCopy
from vigie_shared.hotlists.sealed import PAYLOAD_BYTES_MAX, Chunk, Delta, Head, Label, seal
from vigie_shared.receipts import Signer, Verifier

DELTA_ENTRIES_MAX: Final = 400
DELTAS_MAX: Final = 256
"""So many since the whole list, and another whole list follows."""
_DELTAS_MIN: Final = 16
"""Fewer never bring another whole list, however small the list is."""


class Value(NamedTuple):
    """One value of the bucket, and what the table of values says of it."""

    key: str
    version: int
    place: int
    data: bytes


class Book:
    """`entries` at `version`; 0 before it was ever published."""

    def __init__(self, list_id: str, signer: Signer, verifier: Verifier) -> None:
        self.list_id = list_id
        self.entries = Columns()
        self._signer = signer
        self._verifier = verifier
        self._head: Head | None = None
        self._whole_at = (0, 0)
        """Version of the newest whole list, and in how many chunks it is."""
        self._whole_bytes = 0
        self._delta_bytes: dict[int, int] = {}
        self._whole_before = 0

    @property
    def version(self) -> int:
        """What was published last."""
        return self._head.version if self._head else 0

    @property
    def head(self) -> Head | None:
        """The label of the newest head."""
        return self._head

    def restore(self, values: Mapping[str, bytes]) -> None:
        """Go on from what was published; raises WireError where that is not whole."""
        newest = ListCopy(self.list_id, self._verifier)
        head = newest.head_of(values)
        if head is None:
            return
        stem = f"{self.list_id}.s.{head.snapshot_version}."
        needed = {key: data for key, data in values.items() if key.startswith(stem) or key == head.key}
        for key, data in values.items():
            if ".d." in key:
                version = int(key.rsplit(".", 1)[1])
                self._delta_bytes[version] = len(data)
                if version > head.snapshot_version:
                    needed[key] = data
        newest.restore(needed)
        self.entries, self._head = newest.entries, head
        self._whole_at = (head.snapshot_version, head.snapshot_chunks)
        self._whole_bytes = sum(len(data) for key, data in needed.items() if key.startswith(stem))
        olds = (int(key.split(".")[2]) for key in values if ".s." in key and not key.startswith(stem))
        self._whole_before = max(olds, default=0)

    def change(self, gone: Sequence[str], come: Columns, at: datetime, check_only_seconds: int) -> list[Value]:
        """What to publish where these entries left, came or changed; nothing where that changes nothing."""
        after = self.entries.changed(gone, come)
        if self._head is None:
            return self.begin(after, at, check_only_seconds)
        if coding.digest(after) == self._head.digest:
            return []
        if (len(gone) + len(come)) * 4 > max(len(after), 4 * DELTA_ENTRIES_MAX):
            self.entries = after
            return [*self._whole(self.version + 1), self._sign_head(self.version + 1, at, check_only_seconds)]
        values, version = [], self.version
        for some_gone, some_come in _pieces(gone, come):
            version += 1
            values.append(self._delta(version, coding.encode_change(some_gone, some_come)))
        self.entries = after
        if self._is_whole_due():
            values += self._whole(version)
        return [*values, self._sign_head(version, at, check_only_seconds)]

    def begin(self, entries: Columns, at: datetime, check_only_seconds: int, above: int = 0) -> list[Value]:
        """A whole list under a version that is higher than any before, also than those that are forgotten here."""
        version = max(int(at.timestamp()), above + 1, self.version + 1)
        self.entries = entries
        self._delta_bytes.clear()
        return [*self._whole(version), self._sign_head(version, at, check_only_seconds)]

    def confirm(self, at: datetime, check_only_seconds: int) -> list[Value]:
        """The same version, signed anew: it is still what is looked for."""
        return [self._sign_head(self.version, at, check_only_seconds)] if self._head else []

    def is_spent(self, key: str) -> bool:
        """Whether a value is of no use to anybody any more; the whole list before the newest is, to who fetches it."""
        parts = key.split(".")
        if self._head is None or parts[0] != self.list_id or len(parts) < 3:
            return False
        if parts[1] == "d":
            return int(parts[2]) < self._head.oldest_delta
        return int(parts[2]) not in (self._head.snapshot_version, self._whole_before)

    def _is_whole_due(self) -> bool:
        sizes = [size for version, size in self._delta_bytes.items() if version > self._whole_at[0]]
        heavy = 2 * sum(sizes) > self._whole_bytes and len(sizes) >= _DELTAS_MIN
        return heavy or len(sizes) >= DELTAS_MAX

    def _whole(self, version: int) -> list[Value]:
        whole = coding.encode(self.entries)
        pieces = [whole[at : at + PAYLOAD_BYTES_MAX] for at in range(0, len(whole), PAYLOAD_BYTES_MAX)]
        values = [
            self._value(Chunk(list_id=self.list_id, version=version, number=number), 0, piece)
            for number, piece in enumerate(pieces)
        ]
        self._whole_before = self._whole_at[0]
        kept = {one: size for one, size in self._delta_bytes.items() if self._whole_before < one <= version}
        self._delta_bytes = kept if version in kept else {}  # deltas lead to this version, or none is of use
        self._whole_bytes = sum(len(value.data) for value in values)
        self._whole_at = (version, len(pieces))
        return values

    def _delta(self, version: int, payload: bytes) -> Value:
        value = self._value(Delta(list_id=self.list_id, version=version), 1, payload)
        self._delta_bytes[version] = len(value.data)
        return value

    def _sign_head(self, version: int, at: datetime, check_only_seconds: int) -> Value:
        self._head = Head(
            list_id=self.list_id,
            version=version,
            issued_at=at,
            entries=len(self.entries),
            digest=coding.digest(self.entries),
            snapshot_version=self._whole_at[0],
            snapshot_chunks=self._whole_at[1],
            oldest_delta=min(self._delta_bytes, default=version + 1),
            check_only_after_seconds=check_only_seconds,
        )
        return self._value(self._head, 2)

    def _value(self, label: Label, place: int, payload: bytes = b"") -> Value:
        return Value(label.key, label.version, place, seal(label, payload, self._signer))


def _pieces(gone: Sequence[str], come: Columns) -> Iterable[tuple[list[str], Columns]]:
    """The change in steps that fit into a value each; what goes, goes first."""
    entries = list(come)
    steps: list[tuple[list[str], Columns]] = []
    for start in range(0, len(gone), DELTA_ENTRIES_MAX):
        steps.append((list(gone[start : start + DELTA_ENTRIES_MAX]), Columns()))
    if len(gone) + len(entries) <= DELTA_ENTRIES_MAX:
        return [(list(gone), come)]
    for start in range(0, len(entries), DELTA_ENTRIES_MAX):
        steps.append(([], Columns.of(entries[start : start + DELTA_ENTRIES_MAX])))
    return steps
