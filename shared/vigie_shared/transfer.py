"""The transfer protocol: exact bytes of a clip by manifest and ranged gets, over an ordered, reliable road: a data
channel, or TCP (`vigie_shared.road`).

The puller sends text messages (JSON), the holder answers with text and binary ones:

    puller → {"op": "manifest"}                  holder → Manifest as JSON
    puller → {"op": "index"}                     holder → Index as JSON, where the manifest says `"indexed": true`
    puller → {"op": "get", "offset": n, "length": m}
                                                 holder → frames, in order, that cover exactly [n, n + m)
    puller → {"op": "done"}                      both close
    holder → {"op": "refused", "reason": …}      at any time; the holder closes
    holder → {"op": "waiting"}                   while it has no turn, to a puller that said `"waits": true`

A frame is binary: 8 bytes of big-endian offset, then bytes of the clip, no more than its road carries. Gets are
answered one after the other, in the order asked. Why it is so: docs/design/transfer.md.
"""

import base64
import hashlib
import struct
from collections.abc import Iterable
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from vigie_shared.errors import WireError
from vigie_shared.ids import Sha256, UniqueId

CHANNEL: Final = "transfer"
BLOCK_BYTES: Final = 256 * 1024
BLOCK_BYTES_MAX: Final = 16 * 1024 * 1024
BLOCKS_MAX: Final = 900
"""A manifest with more digests would not fit a data channel message (64 KiB)."""
FRAME_BYTES_MAX: Final = 256 * 1024
"""Of any road."""
CHANNEL_FRAME_BYTES_MAX: Final = 16 * 1024
"""Of the data channel; what an older puller takes."""
HEADS_MAX: Final = 800
"""Keyframes that an index names at most; of a clip with more, every second, third …"""
DIGEST_CHARS: Final = 22
GETS_MAX: Final = 16
"""Messages of the puller that a holder keeps waiting at most; one more, and it closes."""
_OFFSET: Final = struct.Struct(">Q")


class ManifestWanted(BaseModel):
    """Asks what the clip is."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    op: Literal["manifest"] = "manifest"
    waits: bool = False
    """Whether the puller understands `Waiting`."""


class IndexWanted(BaseModel):
    """Asks where the keyframes are."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    op: Literal["index"] = "index"


class Get(BaseModel):
    """Asks for a range of bytes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    op: Literal["get"] = "get"
    offset: int = Field(ge=0)
    length: int = Field(ge=1)


class Done(BaseModel):
    """The puller has what it came for."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    op: Literal["done"] = "done"
    whole: bool = True
    """Whether that is the whole clip, verified; a puller may be content with its keyframes."""


class Derived(BaseModel):
    """These are not the clip's own bytes, and how they came of them."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    source_sha256: Sha256
    """Of the clip."""
    how: Literal["transcode"] = "transcode"
    """All its pictures in turn, fewer a second, decoded, made small and encoded again by the agent."""
    width_px: int = Field(ge=1)
    height_px: int = Field(ge=1)


class Manifest(BaseModel):
    """What the clip is: size, digest, and the digest of each block of `block_bytes`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    op: Literal["manifest"] = "manifest"
    clip_id: UniqueId
    bytes: int = Field(ge=1)
    sha256: Sha256
    block_bytes: int = Field(default=BLOCK_BYTES, ge=1, le=BLOCK_BYTES_MAX)
    block_sha256: tuple[Sha256, ...] = Field(min_length=1, max_length=BLOCKS_MAX)
    indexed: bool = False
    """Whether the holder can say where the keyframes are."""
    waiting_seconds: float = Field(default=3.0, gt=0)
    """How often, at the least, the holder says that it has no turn."""
    derived: Derived | None = None
    """Where this is a sub-stream: size and digests are its own."""
    signature: str | None = Field(default=None, max_length=128)
    """The agent's, over `manifest_statement`: Ed25519, base64url without padding."""

    @model_validator(mode="after")
    def _one_digest_a_block(self) -> Self:
        blocks = -(-self.bytes // self.block_bytes)
        if len(self.block_sha256) != blocks:
            raise ValueError(f"{len(self.block_sha256)} block digests, but {self.bytes} bytes make {blocks} blocks")
        return self


class Head(BaseModel):
    """Where a fragment's head lies: its `moof` box, the header of its `mdat`, and its first picture, a keyframe."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    offset: int = Field(ge=0)
    length: int = Field(ge=1, le=BLOCK_BYTES_MAX)
    digest: str = Field(min_length=DIGEST_CHARS, max_length=DIGEST_CHARS)
    """`head_digest` of these bytes."""


class Index(BaseModel):
    """Where the keyframes of the clip lie, signed: what is less than the whole is believed by this alone."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    op: Literal["index"] = "index"
    init: Head
    """The init segment."""
    heads: tuple[Head, ...] = Field(min_length=1, max_length=HEADS_MAX)
    signature: str | None = Field(default=None, max_length=128)
    """The agent's, over `index_statement`."""


class TransferRefused(BaseModel):
    """The holder cannot go on, and why; `retryable` says whether asking again helps."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    op: Literal["refused"] = "refused"
    reason: str = Field(max_length=300)
    retryable: bool = False


class Waiting(BaseModel):
    """The holder is there, and has no turn on its link: more urgent things leave."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    op: Literal["waiting"] = "waiting"


PULLER_MESSAGE: TypeAdapter[ManifestWanted | IndexWanted | Get | Done] = TypeAdapter(
    Annotated[ManifestWanted | IndexWanted | Get | Done, Field(discriminator="op")]
)
HOLDER_MESSAGE: TypeAdapter[Manifest | Index | TransferRefused | Waiting] = TypeAdapter(
    Annotated[Manifest | Index | TransferRefused | Waiting, Field(discriminator="op")]
)


def manifest_statement(agent_id: str, manifest: Manifest) -> bytes:
    """What the agent signs of a manifest: one line a field, the same on both sides."""
    blocks = hashlib.sha256("".join(manifest.block_sha256).encode()).hexdigest()
    fields = (agent_id, manifest.clip_id, str(manifest.bytes), manifest.sha256, str(manifest.block_bytes), blocks)
    derived = manifest.derived
    made = () if derived is None else (f"{derived.how} {derived.width_px}x{derived.height_px} {derived.source_sha256}",)
    return "\n".join(("vigie manifest v1", *fields, *made)).encode()


def index_statement(agent_id: str, clip_id: str, sha256: str, index: Index) -> bytes:
    """What the agent signs of an index: for which clip of which bytes, then each head."""
    heads = (f"{head.offset} {head.length} {head.digest}" for head in (index.init, *index.heads))
    return "\n".join(("vigie index v1", agent_id, clip_id, sha256, *heads)).encode()


def head_digest(data: bytes | bytearray) -> str:
    """128 bits of SHA-256, base64url without padding."""
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()[:16]).rstrip(b"=").decode()


def block_bytes_for(clip_bytes: int) -> int:
    """The block size for a clip: `BLOCK_BYTES`, doubled until the manifest fits one message."""
    block_bytes = BLOCK_BYTES
    while clip_bytes > BLOCKS_MAX * block_bytes and block_bytes < BLOCK_BYTES_MAX:
        block_bytes *= 2
    return block_bytes


def block_digests(chunks: Iterable[bytes], block_bytes: int = BLOCK_BYTES) -> tuple[str, tuple[str, ...]]:
    """SHA-256 of all bytes in `chunks`, and of each block of `block_bytes`."""
    whole, block, filled, blocks = hashlib.sha256(), hashlib.sha256(), 0, []
    for chunk in chunks:
        whole.update(chunk)
        rest = memoryview(chunk)
        while rest:
            taken = rest[: block_bytes - filled]
            block.update(taken)
            filled += len(taken)
            rest = rest[len(taken) :]
            if filled == block_bytes:
                blocks.append(block.hexdigest())
                block, filled = hashlib.sha256(), 0
    if filled:
        blocks.append(block.hexdigest())
    return whole.hexdigest(), tuple(blocks)


def pack_frame(offset: int, data: bytes) -> bytes:
    """A frame of the clip's bytes that start at `offset`."""
    return _OFFSET.pack(offset) + data


def unpack_frame(frame: bytes) -> tuple[int, memoryview]:
    """Offset and bytes of a frame; raises WireError where it is too short or too long."""
    if not _OFFSET.size < len(frame) <= _OFFSET.size + FRAME_BYTES_MAX:
        raise WireError(f"transfer frame of {len(frame)} bytes: expected 9 to {_OFFSET.size + FRAME_BYTES_MAX}")
    return _OFFSET.unpack_from(frame)[0], memoryview(frame)[_OFFSET.size :]
