"""Values of bucket `HL`: each is an Ed25519 signature of the hub, one line of JSON, and a payload.

`_lists` says which lists there are; `<list>.head` which version is in force; `<list>.d.<version>` makes it out of the
one before; the pieces `<list>.s.<version>.<number>` are a whole list. Versions count up by one between deltas.
"""

import base64
import binascii
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from vigie_shared import subjects
from vigie_shared.clock import UtcDatetime
from vigie_shared.errors import SignatureError, WireError
from vigie_shared.ids import ListId, Sha256
from vigie_shared.receipts import Signer, Verifier

VALUE_BYTES_MAX: Final = 16 * 1024
PAYLOAD_BYTES_MAX: Final = VALUE_BYTES_MAX - 512
SIGNATURE_BYTES: Final = 64
CHUNKS_MAX: Final = 4096
CATALOG_KEY: Final = "_lists"
"""Where the catalog stands; no list can have that name."""
_PURPOSE: Final = b"vigie hotlist 1\n"
"""Signed with each value, so that no signature over anything else can pass for one."""

Version = Annotated[int, Field(ge=1, le=(1 << 53) - 1)]
HINT: Final = TypeAdapter(dict[str, int])
"""On `subjects.hotlists_changed`, unsigned: the versions there are now by list, `CATALOG_KEY` among them."""


class Head(BaseModel):
    """What is in force: `entries` entries whose `digest` is this (`coding.digest`), as the hub knew at `issued_at`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: Literal["head"] = "head"
    list_id: ListId
    version: Version
    issued_at: UtcDatetime
    entries: int = Field(ge=0)
    digest: Sha256
    snapshot_version: Version
    snapshot_chunks: int = Field(ge=1, le=CHUNKS_MAX)
    oldest_delta: Version
    """From this version on, each has its delta in the bucket; above `version` where there is none."""
    check_only_after_seconds: int = Field(ge=1)
    """When `issued_at` is so long ago, hits are only for checking."""

    @property
    def key(self) -> str:
        """Where it stands."""
        return head_key(self.list_id)


class Delta(BaseModel):
    """Its payload (`coding.encode_change`) makes `version` out of `version - 1`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: Literal["delta"] = "delta"
    list_id: ListId
    version: Version

    @property
    def key(self) -> str:
        """Where it stands."""
        return delta_key(self.list_id, self.version)


class Chunk(BaseModel):
    """Its payload is piece `number` of a whole list (`coding.encode`)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: Literal["chunk"] = "chunk"
    list_id: ListId
    version: Version
    number: int = Field(ge=0, lt=CHUNKS_MAX)

    @property
    def key(self) -> str:
        """Where it stands."""
        return chunk_key(self.list_id, self.version, self.number)


class Catalog(BaseModel):
    """Its payload (`catalog.encode`) names all lists that there are; `version` counts up with each change of it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: Literal["catalog"] = "catalog"
    version: Version
    issued_at: UtcDatetime

    @property
    def key(self) -> str:
        """Where it stands."""
        return CATALOG_KEY


Label = Head | Delta | Chunk | Catalog
_LABEL: Final[TypeAdapter[Label]] = TypeAdapter(Annotated[Label, Field(discriminator="kind")])


def head_key(list_id: str) -> str:
    """Where the head of a list stands."""
    return f"{list_id}.head"


def delta_key(list_id: str, version: int) -> str:
    """Where the delta that makes `version` stands."""
    return f"{list_id}.d.{version}"


def chunk_key(list_id: str, version: int, number: int) -> str:
    """Where a piece of a whole list stands."""
    return f"{list_id}.s.{version}.{number}"


def subject_of(key: str) -> str:
    """The subject under which the bucket keeps a key."""
    return f"$KV.{subjects.HOTLIST_BUCKET}.{key}"


def direct_get(key: str) -> str:
    """What to ask for the newest value of a key."""
    return f"$JS.API.DIRECT.GET.{subjects.HOTLIST_STREAM}.{subject_of(key)}"


def seal(label: Label, payload: bytes, signer: Signer) -> bytes:
    """One value, signed."""
    body = label.model_dump_json().encode() + b"\n" + payload
    signature = signer.sign(_PURPOSE + body)
    return base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4)) + body


def unseal(data: bytes, key: str, verifier: Verifier) -> tuple[Label, bytes]:
    """What stands under `key`; SignatureError unless the hub signed it, WireError where it belongs elsewhere."""
    if not SIGNATURE_BYTES < len(data) <= VALUE_BYTES_MAX:
        raise WireError(f"hotlist value {key}: {len(data)} bytes")
    signature, body = data[:SIGNATURE_BYTES], data[SIGNATURE_BYTES:]
    if not verifier.verify(_PURPOSE + body, base64.urlsafe_b64encode(signature).rstrip(b"=").decode()):
        raise SignatureError(f"hotlist value {key}: not signed by this agent's hub")
    line, _newline, payload = body.partition(b"\n")
    try:
        label = _LABEL.validate_json(line)
    except (ValidationError, binascii.Error) as error:
        raise WireError(f"hotlist value {key}: its label cannot be read") from error
    if label.key != key:
        raise WireError(f"hotlist value {key}: it belongs under {label.key}")
    return label, payload
