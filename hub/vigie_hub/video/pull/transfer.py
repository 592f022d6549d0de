"""The puller's side of the transfer protocol (`vigie_shared.transfer`), without I/O.

    start() ─→ manifest and index wanted ─feed→ Resume ─→ resume(what is on disk) ─→ gets ─feed→ Judge ─judged→ … Finish

Nothing of the clip counts before its block has the digest that the manifest gives, or its keyframe that of the agent's
signed index; and the manifest must be that of the clip the event promised. Of the block under way, what came is kept
unjudged (`Keep`), so that a break costs no more than what was on the road: it is judged with the rest of its block.
The digest of the whole, which the event fixed, has the last word: whoever stored the blocks judges it.
"""

from collections import deque
from collections.abc import Container, Iterator
from dataclasses import dataclass
from itertools import chain, count
from typing import Final

from pydantic import ValidationError

from vigie_hub.video.pull.pieces import (
    WHOLE,
    Piece,
    Quality,
    Read,
    block_piece,
    head_piece,
    heads_wanted,
    is_inside,
    right_blocks,
    right_heads,
)
from vigie_hub.video.pull.window import GET_BYTES, WINDOW_BYTES
from vigie_shared.errors import DigestError, SignatureError, TransferError, WireError
from vigie_shared.i18n import gettext as _
from vigie_shared.receipts import Verifier
from vigie_shared.transfer import (
    GETS_MAX,
    HOLDER_MESSAGE,
    Done,
    Get,
    Index,
    IndexWanted,
    Manifest,
    ManifestWanted,
    TransferRefused,
    Waiting,
    index_statement,
    manifest_statement,
    unpack_frame,
)

_GETS_AHEAD_MAX: Final = GETS_MAX - 4


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
    wanted_bytes: int = 0
    """Of the clip, that it asks for."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Hand `Transfer.resume` what is on disk already."""


@dataclass(frozen=True, slots=True)
class Judge:
    """All of a piece is here: where its digest is right, write it; then hand `Transfer.judged` the verdict."""

    piece: Piece


@dataclass(frozen=True, slots=True)
class Keep:
    """These bytes of a block that is not whole yet are not verified: write them, so that they need not travel again."""

    offset: int
    data: memoryview


@dataclass(frozen=True, slots=True)
class Finish:
    """All that was wanted is stored."""


Action = Send | Resume | Judge | Keep | Finish


@dataclass(frozen=True, slots=True)
class Promise:
    """What the agent's event said of the clip, and who it is."""

    agent_id: str
    clip_id: str
    bytes: int
    sha256: str


class Transfer:
    """One attempt to get one clip: `feed` the holder's messages, do the actions in order.

    Raises DigestError as soon as bytes are not those promised, WireError where the holder breaks the protocol,
    RefusedError where it refuses.
    """

    def __init__(self, promise: Promise, quality: Quality = "original", agent_key: Verifier | None = None) -> None:
        """Without `agent_key` no signature can be checked, and then nothing less than the whole is believed."""
        self._promise = promise
        self._quality = quality
        self._agent_key = agent_key
        self._has_left = False
        self._plan: Iterator[Piece] = iter(())
        self._piece: Piece | None = None
        self._asked: deque[tuple[Piece, int, int]] = deque()
        self._on_way_bytes = 0
        self._unjudged = 0
        self.manifest: Manifest | None = None
        self.index: Index | None = None
        self.window_bytes = WINDOW_BYTES
        """Bytes asked for ahead of those that arrived; may change at any time."""
        self.get_bytes = GET_BYTES
        """Asked for by one message; may change too."""
        self.wanted_bytes = promise.bytes
        """What this quality takes, as soon as that is known."""
        self.verified_bytes = 0
        """Bytes of it that are verified, on disk before or now."""
        self.received_bytes = 0
        """Bytes of the clip that arrived in this attempt."""
        self.holder_waits = False
        """Whether the holder has no turn on its link, as it last said."""
        self.has_looked = False
        """Whether it knows what an earlier attempt left."""
        self._left_bytes = 0
        self._blocks: set[int] = set()
        self._heads: set[int] = set()

    @property
    def arrived_bytes(self) -> int:
        """What is here of what this quality takes, verified or not yet."""
        return min(self.wanted_bytes, self._left_bytes + self.received_bytes)

    @property
    def prefix_bytes(self) -> int:
        """How far it is verified from its first byte on."""
        if self.manifest is None:
            return 0
        missing = next(number for number in count() if number not in self._blocks)
        return min(self.manifest.bytes, missing * self.manifest.block_bytes)

    def heads_here(self) -> frozenset[int]:
        """Which keyframes of the index are here, by number."""
        if self.index is None or self.manifest is None or self._quality == "sub":
            return frozenset()
        heads, manifest = (self.index.init, *self.index.heads), self.manifest
        here = [_is_here(head.offset, head.length, manifest, self._blocks, self._heads) for head in heads]
        return frozenset(number for number, is_here in enumerate(here[1:]) if is_here and here[0])

    def start(self, *, has_left: bool = False) -> list[Action]:
        """Ask what the clip is. `has_left`: an earlier attempt left something on disk, maybe keyframes alone."""
        self._has_left = has_left
        return [Send(ManifestWanted(waits=True).model_dump_json())]

    def feed(self, message: str | bytes) -> list[Action]:
        """What to do about a message of the holder."""
        self.holder_waits = False
        if isinstance(message, bytes):
            return self._frame(*unpack_frame(message))
        try:
            said = HOLDER_MESSAGE.validate_json(message)
        except ValidationError as error:
            raise WireError(_("the agent sent something that the transfer protocol does not know")) from error
        match said:
            case TransferRefused():
                raise RefusedError(said.reason, retryable=said.retryable)
            case Waiting():
                self.holder_waits = True
                return []
            case Manifest():
                return self._promised(said)
            case Index():
                return self._indexed(said)

    def resume(self, read: Read) -> list[Action]:
        """Verify what is on disk, and ask for what is missing. Takes a while."""
        manifest = self._known_manifest()
        blocks, begun = right_blocks(manifest, read)
        begun = {} if self._has_left else begun  # between keyframes a file's end says nothing
        heads = (self.index.init, *self.index.heads) if self.index else ()
        known = right_heads(heads, manifest, blocks, read)
        self._blocks, self._heads, self.has_looked = blocks, set(known), True
        if self._quality in WHOLE:
            missing = [number for number in range(len(manifest.block_sha256)) if number not in blocks]
            self._plan = (block_piece(manifest, number, known, begun.get(number, b"")) for number in missing)
            lengths = (min(manifest.block_bytes, manifest.bytes - number * manifest.block_bytes) for number in blocks)
            self.verified_bytes = sum(lengths)
            self._left_bytes = self.verified_bytes + sum(map(len, (*known.values(), *begun.values())))
        else:
            assert self.index is not None
            wanted = heads_wanted(self.index, self._quality)
            self.wanted_bytes = sum(head.length for head in wanted)
            absent = [head for head in wanted if not _is_here(head.offset, head.length, manifest, blocks, known)]
            self._plan = (head_piece(head) for head in absent)
            self.verified_bytes = self._left_bytes = self.wanted_bytes - sum(head.length for head in absent)
        self._piece = next(self._plan, None)
        return self._next()

    def _promised(self, manifest: Manifest) -> list[Action]:
        promise = self._promise
        if self.manifest is not None:
            raise WireError(_("the agent sent a second manifest"))
        if self._quality == "sub":
            self._check_derived(manifest)
        elif (manifest.clip_id, manifest.bytes, manifest.sha256) != (promise.clip_id, promise.bytes, promise.sha256):
            raise DigestError(
                _("clip {clip_id}: the agent now offers other bytes than its event promised").format(
                    clip_id=promise.clip_id
                )
            )
        if manifest.signature is not None:
            self._check(manifest_statement(promise.agent_id, manifest), manifest.signature)
        self.manifest = manifest
        if self._quality not in WHOLE and not manifest.indexed:
            reason = _("it cannot say where the clip's keyframes are; pull the original")
            raise RefusedError(reason, retryable=False)
        if manifest.indexed and (self._quality not in WHOLE or self._has_left):
            return [Send(IndexWanted().model_dump_json())]
        return [Resume()]

    def _indexed(self, index: Index) -> list[Action]:
        manifest, promise = self._known_manifest(), self._promise
        if self.index is not None or not is_inside(index, manifest.bytes):
            raise WireError(_("the agent sent an index that is none of this clip"))
        if self._agent_key is None or index.signature is None:
            raise SignatureError(_("clip {clip_id}: its index is not signed").format(clip_id=promise.clip_id))
        self._check(index_statement(promise.agent_id, promise.clip_id, promise.sha256, index), index.signature)
        self.index = index
        return [Resume()]

    def _check_derived(self, manifest: Manifest) -> None:
        """A sub-stream has the agent's word alone, and for this clip."""
        promise, derived = self._promise, manifest.derived
        if derived is None:
            raise RefusedError(_("it makes no sub-streams; pull the keyframes, or the original"), retryable=False)
        if self._agent_key is None or manifest.signature is None:
            raise SignatureError(_("clip {clip_id}: its sub-stream is not signed").format(clip_id=promise.clip_id))
        if (manifest.clip_id, derived.source_sha256) != (promise.clip_id, promise.sha256):
            raise WireError(_("the agent sent a sub-stream that is none of this clip"))
        if manifest.bytes > promise.bytes:
            raise WireError(_("the agent sent a sub-stream that is larger than its clip"))
        self.wanted_bytes = manifest.bytes

    def _check(self, statement: bytes, signature: str) -> None:
        if self._agent_key is not None and not self._agent_key.verify(statement, signature):
            raise SignatureError(
                _("clip {clip_id}: what came is not signed by agent {agent_id}").format(
                    clip_id=self._promise.clip_id, agent_id=self._promise.agent_id
                )
            )

    def _frame(self, offset: int, data: memoryview) -> list[Action]:
        piece, first, last = self._asked[0] if self._asked else (None, 0, 0)
        if piece is None or offset != first or offset + len(data) > last:
            raise WireError(
                _("the agent sent bytes {first} to {last} where {expected} was next").format(
                    first=offset, last=offset + len(data), expected=first
                )
            )
        piece.put(offset, data)
        self.received_bytes += len(data)
        self._on_way_bytes -= len(data)
        self._asked.popleft()
        if offset + len(data) < last:
            self._asked.appendleft((piece, offset + len(data), last))
        if not piece.missing:
            judge = self._filled(piece)
            return [*self._next(), judge]
        keeps = self._quality in WHOLE and not self._has_left
        return [*([Keep(offset, data)] if keeps else []), *self._next()]

    def _filled(self, piece: Piece) -> Judge:
        self._unjudged += 1
        return Judge(piece)

    def judged(self, piece: Piece, *, is_right: bool) -> list[Action]:
        """What to do once a piece is stored, or was found to be wrong."""
        self._unjudged -= 1
        if is_right:
            self.verified_bytes += len(piece.data)
            if self._quality in WHOLE:
                self._blocks.add(piece.offset // self._known_manifest().block_bytes)
            else:
                self._heads.add(piece.offset)
        elif piece.is_guess:
            self._start_over(piece)
        else:
            raise DigestError(
                _("clip {clip_id}: {piece} is not what the agent promised").format(
                    clip_id=self._promise.clip_id, piece=piece.name
                )
            )
        return self._next()

    def _start_over(self, piece: Piece) -> None:
        """What the disk had kept of it was wrong, or what came: without the disk's part it will show."""
        manifest = self._known_manifest()
        if self._piece is not None:
            self._plan = chain((self._piece,), self._plan)
        self._piece = block_piece(manifest, piece.offset // manifest.block_bytes, {})

    def _next(self) -> list[Action]:
        """Keep the window full; at the end, say so."""
        actions: list[Action] = []
        while self._piece is not None and self._has_room(self._piece):
            if self._piece.gaps:
                actions.append(self._get(self._piece))
            else:  # a block that was on disk as heads is whole without a get
                actions += [] if self._piece.was_asked else [self._filled(self._piece)]
                self._piece = next(self._plan, None)
        if self._piece is None and not self._asked and not self._unjudged:
            actions += [Send(Done(whole=self._quality == "original").model_dump_json()), Finish()]
        return actions

    def _has_room(self, piece: Piece) -> bool:
        """For the next get of `piece`; one is always on its way."""
        first, last = piece.gaps[0] if piece.gaps else (0, 0)
        fits = self._on_way_bytes + min(last - first, self.get_bytes) <= self.window_bytes or not self._asked
        return fits and len(self._asked) < _GETS_AHEAD_MAX

    def _get(self, piece: Piece) -> Send:
        first, last = piece.gaps[0]
        length = min(last - first, self.get_bytes)
        piece.gaps[0] = (first + length, last)
        if first + length == last:
            piece.gaps.pop(0)
        piece.was_asked = True
        self._asked.append((piece, first, first + length))
        self._on_way_bytes += length
        return Send(Get(offset=first, length=length).model_dump_json(), length)

    def _known_manifest(self) -> Manifest:
        if self.manifest is None:
            raise WireError(_("the agent sent something else before its manifest"))
        return self.manifest


def _is_here(offset: int, length: int, manifest: Manifest, blocks: set[int], known: Container[int]) -> bool:
    last = (offset + length - 1) // manifest.block_bytes
    return offset in known or all(number in blocks for number in range(offset // manifest.block_bytes, last + 1))
