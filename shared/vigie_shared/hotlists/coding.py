"""Entries as bytes: sorted texts share their beginnings, ids are differences, then zstd.

Uncompressed: `rows`, `terms` as JSON, then four columns, each with its length: how much of the text before is kept,
what follows it, differences of ids, numbers of terms. Integers are LEB128.
"""

import hashlib
import json
from array import array
from collections.abc import Callable, Sequence
from itertools import chain, pairwise
from typing import Any, Final, TypeVar

import zstandard

from vigie_shared.errors import WireError
from vigie_shared.hotlists.columns import ID_BYTES, TERMS_MAX, Columns
from vigie_shared.hotlists.entries import TEXT_CHARACTERS_MAX, Terms

T = TypeVar("T")
ENTRIES_MAX: Final = 2_000_000
PLAIN_BYTES_MAX: Final = 96 * 1024**2
_LEVEL: Final = 19
_ID_BITS: Final = ID_BYTES * 8


def digest(entries: Columns) -> str:
    """SHA-256 of the entries; equal exactly where all of them are."""
    found = hashlib.sha256(_json(entries.terms))
    for part in ("\n".join(entries.texts).encode(), entries.ids, entries.terms_of.tobytes()):
        found.update(len(part).to_bytes(8) + part)
    return found.hexdigest()


def encode(entries: Columns) -> bytes:
    """A whole list."""
    return _packed(_plain(entries))


def decode(data: bytes) -> Columns:
    """What `encode` made; raises WireError for anything else."""
    return _guarded(data, _columns)


def encode_change(gone: Sequence[str], come: Columns) -> bytes:
    """What happened to a list: ids that left it, entries that came or changed."""
    return _packed(_varint(len(gone)) + b"".join(bytes.fromhex(one) for one in gone) + _plain(come))


def decode_change(data: bytes) -> tuple[list[str], Columns]:
    """What `encode_change` made; raises WireError for anything else."""

    def read(source: "_Source") -> tuple[list[str], Columns]:
        gone = [source.take(ID_BYTES).hex() for _ in range(source.count(ENTRIES_MAX))]
        return gone, _columns(source)

    return _guarded(data, read)


def _plain(entries: Columns) -> bytes:
    kept = bytes(_shared(*pair) for pair in pairwise(chain([""], entries.texts)))
    rest = "\n".join(text[length:] for text, length in zip(entries.texts, kept, strict=True)).encode()
    numbers = [0, *(int.from_bytes(entries.ids[at : at + ID_BYTES]) for at in range(0, len(entries.ids), ID_BYTES))]
    ids = b"".join(_varint(_zigzag(after - before)) for before, after in pairwise(numbers))
    terms_of = b"".join(map(_varint, entries.terms_of))
    parts = (_json(entries.terms), kept, rest, ids, terms_of)
    return _varint(len(entries)) + b"".join(_varint(len(part)) + part for part in parts)


def _columns(source: "_Source") -> Columns:
    count = source.count(ENTRIES_MAX)
    terms = tuple(_terms(one) for one in json.loads(source.part()))
    kept, rest, ids, numbers = source.part(), source.part().decode(), _Source(source.part()), _Source(source.part())
    pieces = rest.split("\n") if count else []
    texts, text = [], ""
    for length, piece in zip(kept, pieces, strict=True):
        text = text[:length] + piece
        texts.append(text)
    raw, number = [], 0
    for _row in range(count):
        number += _unzigzag(ids.varint())
        raw.append(number.to_bytes(ID_BYTES))
    terms_of = array("H", (numbers.count(len(terms) - 1) for _row in range(count)))
    columns = Columns(texts, b"".join(raw), terms, terms_of)
    for part in (source, ids, numbers):
        part.end()
    _check(columns)
    return columns


def _check(columns: Columns) -> None:
    """Texts that may stand in a list, in order, each row once; raises ValueError."""
    if len(columns.terms) > TERMS_MAX or list(columns.terms) != sorted(set(columns.terms)):
        raise ValueError("terms are not in order")
    if any(not 0 < len(text) <= TEXT_CHARACTERS_MAX for text in columns.texts):
        raise ValueError("a text is empty or too long")
    ordered = (columns.ids[row * ID_BYTES : (row + 1) * ID_BYTES] for row in range(len(columns)))
    if any(before >= after for before, after in pairwise(zip(columns.texts, ordered, strict=True))):
        raise ValueError("entries are not in order")


def _terms(values: Any) -> Terms:
    rules, category, severity, valid_from, valid_until = values
    strings, integers = [*rules, category], (severity, valid_from, valid_until)
    if not all(isinstance(one, str) for one in strings) or not all(type(one) is int for one in integers):
        raise ValueError("terms of another kind")
    return Terms(tuple(rules), category, severity, valid_from, valid_until)


def _packed(plain: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=_LEVEL, write_checksum=False).compress(plain)


def _guarded(data: bytes, read: "Callable[[_Source], T]") -> T:
    try:
        if not 0 <= zstandard.frame_content_size(data) <= PLAIN_BYTES_MAX:
            raise WireError("hotlist: larger than a list may be")
        source = _Source(zstandard.ZstdDecompressor().decompress(data, max_output_size=PLAIN_BYTES_MAX))
        found = read(source)
        source.end()
    except (zstandard.ZstdError, ValueError, TypeError, IndexError, OverflowError, RecursionError) as error:
        raise WireError(f"hotlist: {error}") from error
    return found


class _Source:
    """Bytes, read from the front; raises ValueError where there are too few."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, length: int) -> bytes:
        """The next `length` bytes."""
        part = self._data[self._at : self._at + length]
        if len(part) != length:
            raise ValueError("cut short")
        self._at += length
        return part

    def varint(self) -> int:
        """The next integer."""
        value = shift = 0
        while shift <= _ID_BITS + 7:
            byte = self._data[self._at]
            self._at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
        raise ValueError("a number is too large")

    def count(self, most: int) -> int:
        """The next integer, which must not be above `most`."""
        value = self.varint()
        if value > most:
            raise ValueError("a number is too large")
        return value

    def part(self) -> bytes:
        """The next part, which begins with its length."""
        return self.take(self.count(PLAIN_BYTES_MAX))

    def end(self) -> None:
        """All has been read."""
        if self._at != len(self._data):
            raise ValueError("something follows")


def _json(terms: tuple[Terms, ...]) -> bytes:
    return json.dumps(terms, ensure_ascii=False, separators=(",", ":")).encode()


def _varint(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)


def _zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def _unzigzag(value: int) -> int:
    return value >> 1 if value & 1 == 0 else -((value + 1) >> 1)


def _shared(before: str, after: str) -> int:
    """How many characters both begin with."""
    length = 0
    for one, other in zip(before, after, strict=False):
        if one != other:
            break
        length += 1
    return length
