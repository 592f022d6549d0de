"""Lists as a hub would sign them, for tests of both sides of the wire."""

import base64
from datetime import UTC, datetime
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vigie_shared.hotlists import coding
from vigie_shared.hotlists.columns import Columns
from vigie_shared.hotlists.entries import Entry, Terms
from vigie_shared.hotlists.sealed import PAYLOAD_BYTES_MAX, Chunk, Delta, Head, seal

NOON: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Pair:
    """Both halves of a key."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()

    def sign(self, message: bytes) -> str:
        return base64.urlsafe_b64encode(self._key.sign(message)).rstrip(b"=").decode()

    def verify(self, message: bytes, signature: str) -> bool:
        try:
            self._key.public_key().verify(base64.urlsafe_b64decode(signature + "=="), message)
        except InvalidSignature:
            return False
        return True


def entry(text: str, number: int = 0, *, rules: tuple[str, ...] = (), valid_from: int = 0, until: int = 0) -> Entry:
    return Entry(text, f"{number:022x}", Terms(rules, "stolen", 3, valid_from, until))


class Bucket:
    """What a hub would have written: `values` by key."""

    def __init__(self, entries: list[Entry], *, key: Pair | None = None, version: int = 100) -> None:
        self.key = key or Pair()
        self.version = version
        self.entries = Columns.of(entries)
        self.values: dict[str, bytes] = {}
        self.oldest_delta = version + 1
        self.issued_at = NOON
        self.snapshot()
        self.head()

    def put(self, label: Chunk | Delta | Head, payload: bytes = b"") -> None:
        self.values[label.key] = seal(label, payload, self.key)

    def snapshot(self) -> None:
        whole = coding.encode(self.entries)
        pieces = [whole[at : at + PAYLOAD_BYTES_MAX] for at in range(0, len(whole), PAYLOAD_BYTES_MAX)]
        for number, piece in enumerate(pieces):
            self.put(Chunk(list_id="main", version=self.version, number=number), piece)
        self.snapshot_version, self.chunks = self.version, len(pieces)

    def change(self, gone: list[str], come: list[Entry]) -> None:
        self.version += 1
        self.put(Delta(list_id="main", version=self.version), coding.encode_change(gone, Columns.of(come)))
        self.entries = self.entries.changed(gone, Columns.of(come))
        self.head()

    def head(self) -> bytes:
        head = Head(
            list_id="main",
            version=self.version,
            issued_at=self.issued_at,
            entries=len(self.entries),
            digest=coding.digest(self.entries),
            snapshot_version=self.snapshot_version,
            snapshot_chunks=self.chunks,
            oldest_delta=self.oldest_delta,
            check_only_after_seconds=86_400,
        )
        self.put(head)
        return self.values[head.key]
