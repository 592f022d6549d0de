"""Which lists a hub offers, in one signed value: an agent that has all of them looks at nothing else."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Final, NamedTuple

import zstandard
from pydantic import Field, TypeAdapter, ValidationError

from vigie_shared.errors import WireError
from vigie_shared.hotlists.sealed import CATALOG_KEY, Catalog, Version, unseal
from vigie_shared.ids import ListId
from vigie_shared.receipts import Verifier

LISTS_MAX: Final = 256
_PLAIN_BYTES_MAX: Final = 64 * 1024
_LEVEL: Final = 19


class Offered(NamedTuple):
    """A list in the version that was in force when the catalog was signed."""

    list_id: ListId
    version: Version
    check_only_after_seconds: Annotated[int, Field(ge=1)]


_OFFERED: Final = TypeAdapter(Annotated[tuple[Offered, ...], Field(max_length=LISTS_MAX)])


def encode(offered: Iterable[Offered]) -> bytes:
    """The payload: JSON, one array a list, then zstd."""
    plain = json.dumps([list(one) for one in offered], separators=(",", ":")).encode()
    return zstandard.ZstdCompressor(level=_LEVEL, write_checksum=False).compress(plain)


def decode(payload: bytes) -> tuple[Offered, ...]:
    """What `encode` made; raises WireError for anything else."""
    try:
        if not 0 <= zstandard.frame_content_size(payload) <= _PLAIN_BYTES_MAX:
            raise WireError("hotlist catalog: larger than it may be")
        plain = zstandard.ZstdDecompressor().decompress(payload, max_output_size=_PLAIN_BYTES_MAX)
        offered = _OFFERED.validate_json(plain)
    except (zstandard.ZstdError, ValidationError) as error:
        raise WireError("hotlist catalog: it cannot be read") from error
    if len({one.list_id for one in offered}) != len(offered):
        raise WireError("hotlist catalog: a list stands there twice")
    return offered


class CatalogCopy:
    """An edge's copy. Raises WireError, and stays as it is, where a value is not the hub's or turns back time."""

    def __init__(self, verifier: Verifier) -> None:
        self.label: Catalog | None = None
        self.offered: tuple[Offered, ...] = ()
        self._verifier = verifier

    @property
    def issued_at(self) -> datetime | None:
        """When the hub last said so; None before it ever did."""
        return self.label.issued_at if self.label else None

    def of(self, list_id: str) -> Offered | None:
        """What it says of a list."""
        return next((one for one in self.offered if one.list_id == list_id), None)

    def feed(self, data: bytes) -> bool:
        """Take the bucket's value; False where it is the one that is here."""
        label, payload = unseal(data, CATALOG_KEY, self._verifier)
        assert isinstance(label, Catalog)
        offered = decode(payload)
        if self.label is not None:
            if label.version < self.label.version:
                raise WireError(f"hotlist catalog: version {label.version} is older than {self.label.version}: refused")
            if label.version == self.label.version:
                if offered != self.offered:
                    raise WireError(f"hotlist catalog: version {label.version} says two things: refused")
                if label.issued_at <= self.label.issued_at:
                    return False
        self.label, self.offered = label, offered
        return True
