"""The puller's side of the transfer protocol (`vigie_shared.transfer`), without I/O.

    start() ─→ ask for the manifest ─feed→ Resume ─→ resume(blocks already on disk) ─→ gets ─feed→ Store … Store, Finish

Nothing of the clip leaves this module before its block has the digest that the manifest gives, and the manifest must be
that of the clip the event promised. The digest of the whole, which the agent's event fixed, has the last word.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from vigie_shared.errors import DigestError, TransferError, WireError
from vigie_shared.i18n import gettext as _
from vigie_shared.transfer import (
    HOLDER_MESSAGE,
    Done,
    Get,
    Manifest,
    ManifestWanted,
    TransferRefused,
    Waiting,
    unpack_frame,
)

GET_BYTES: Final = 64 * 1024
WINDOW_BYTES: Final = 128 * 1024
"""Bytes asked for ahead of those that arrived. The agent's SCTP heeds no receive window: more than the socket's buffer
holds is lost in bursts and costs both ends half as much CPU again (docs/design/transfer.md)."""


class RefusedError(TransferError):
    """The agent said no; asking again helps only where it said so."""

    def __init__(self, reason: str, *, retryable: bool, after_seconds: float | None = None) -> None:
        super().__init__(_("the agent refused: {reason}").format(reason=reason))
        self.retryable = retryable
        self.after_seconds = after_seconds
        """When it may say yes; None where it does not know."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send this message."""

    text: str


@dataclass(frozen=True, slots=True)
class Resume:
    """Hand `Transfer.resume` what is on disk already, in blocks of this size."""

    block_bytes: int


@dataclass(frozen=True, slots=True)
class Store:
    """These bytes are verified: write them."""

    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Finish:
    """All bytes are stored and the whole has the promised digest."""


Action = Send | Resume | Store | Finish


class Transfer:
    """One attempt to get one clip: `feed` the holder's messages, do the actions in order.

    Raises DigestError as soon as bytes are not those promised, WireError where the holder breaks the protocol,
    RefusedError where it refuses.
    """

    def __init__(self, clip_id: str, clip_bytes: int, sha256: str, window_bytes: int = WINDOW_BYTES) -> None:
        self._clip_id = clip_id
        self._bytes = clip_bytes
        self._sha256 = sha256
        self._window_bytes = window_bytes
        self._manifest: Manifest | None = None
        self._resumed = False
        self._whole = hashlib.sha256()
        self._block = bytearray()
        self._asked = 0
        self.verified_bytes = 0
        """Contiguous bytes from the start whose blocks are verified."""
        self.received_bytes = 0
        """Bytes of the clip that arrived in this attempt."""

    def start(self) -> list[Action]:
        """Ask what the clip is."""
        return [Send(ManifestWanted(waits=True).model_dump_json())]

    def feed(self, message: str | bytes) -> list[Action]:
        """What to do about a message of the holder."""
        if isinstance(message, bytes):
            return self._frame(*unpack_frame(message))
        try:
            said = HOLDER_MESSAGE.validate_json(message)
        except ValidationError as error:
            raise WireError(_("the agent sent something that the transfer protocol does not know")) from error
        if isinstance(said, TransferRefused):
            raise RefusedError(said.reason, retryable=said.retryable)
        if isinstance(said, Waiting):
            return []
        return self._promised(said)

    def resume(self, blocks: Iterable[bytes]) -> list[Action]:
        """Verify what is on disk, up to the first block that is not right; ask for what is missing. Takes a while."""
        if self._manifest is None:
            raise WireError("resume before a manifest")
        for data, digest in zip(blocks, self._manifest.block_sha256, strict=False):
            if hashlib.sha256(data).hexdigest() != digest:
                break
            self._whole.update(data)
            self.verified_bytes += len(data)
        self._asked = self.verified_bytes
        self._resumed = True
        return self._next()

    def _promised(self, manifest: Manifest) -> list[Action]:
        if self._manifest is not None:
            raise WireError(_("the agent sent a second manifest"))
        if (manifest.clip_id, manifest.bytes, manifest.sha256) != (self._clip_id, self._bytes, self._sha256):
            raise DigestError(
                _("clip {clip_id}: the agent now offers other bytes than its event promised").format(
                    clip_id=self._clip_id
                )
            )
        self._manifest = manifest
        return [Resume(manifest.block_bytes)]

    def _frame(self, offset: int, data: bytes) -> list[Action]:
        expected = self.verified_bytes + len(self._block)
        if self._manifest is None or not self._resumed or offset != expected or offset + len(data) > self._asked:
            raise WireError(
                _("the agent sent bytes {first} to {last} where {expected} was next").format(
                    first=offset, last=offset + len(data), expected=expected
                )
            )
        self._block += data
        self.received_bytes += len(data)
        wanted = min(self._manifest.block_bytes, self._bytes - self.verified_bytes)
        if len(self._block) > wanted:
            raise WireError(_("the agent sent a frame across two blocks"))
        stored = self._block_filled(self._manifest) if len(self._block) == wanted else []
        return stored + self._next()

    def _block_filled(self, manifest: Manifest) -> list[Action]:
        number, data = self.verified_bytes // manifest.block_bytes, bytes(self._block)
        if hashlib.sha256(data).hexdigest() != manifest.block_sha256[number]:
            raise DigestError(
                _("clip {clip_id}: block {number} is not what the agent promised").format(
                    clip_id=self._clip_id, number=number
                )
            )
        self._block.clear()
        self._whole.update(data)
        stored = Store(self.verified_bytes, data)
        self.verified_bytes += len(data)
        return [stored]

    def _next(self) -> list[Action]:
        """Keep the window full; at the end, judge the whole."""
        assert self._manifest is not None
        if self.verified_bytes == self._bytes:
            if self._whole.hexdigest() != self._sha256:
                raise DigestError(
                    _("clip {clip_id}: its blocks add up to another digest than its event promised").format(
                        clip_id=self._clip_id
                    )
                )
            return [Send(Done().model_dump_json()), Finish()]
        gets: list[Action] = []
        block_bytes = self._manifest.block_bytes
        ahead = self.verified_bytes + len(self._block) + self._window_bytes
        while self._asked < min(self._bytes, ahead):
            length = min(GET_BYTES, block_bytes - self._asked % block_bytes, self._bytes - self._asked)
            gets.append(Send(Get(offset=self._asked, length=length).model_dump_json()))
            self._asked += length
        return gets
