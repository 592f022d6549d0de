"""Receipts: the hub's signed word on what is durable in its read model."""

from typing import Annotated, Any, Protocol

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from vigie_shared.clock import UtcDatetime
from vigie_shared.errors import SignatureError, WireError
from vigie_shared.events import LANES, Lane
from vigie_shared.ids import AgentId, Sequence, UniqueId


def _known_lanes(found: Any) -> Any:
    return {lane: seq for lane, seq in found.items() if lane in LANES} if isinstance(found, dict) else found


LanesOfAny = Annotated[dict[Lane, Sequence], BeforeValidator(_known_lanes)]
"""A sequence for each lane; lanes that only a newer release knows are left out."""
PlacesOfAny = Annotated[dict[Lane, tuple[Sequence, ...]], BeforeValidator(_known_lanes)]
MarksOfAny = Annotated[dict[Lane, tuple[int | None, ...]], BeforeValidator(_known_lanes)]


class Receipt(BaseModel):
    """Every event up to `watermarks[lane]` of this agent and epoch is durable at the hub."""

    model_config = ConfigDict(frozen=True, extra="ignore", validate_by_name=True, validate_by_alias=True)

    agent_id: AgentId
    epoch: UniqueId
    watermarks: LanesOfAny
    issued_at: UtcDatetime
    batch_schema: int = Field(default=1, alias="schema", ge=1)
    """The highest version of batches that the hub reads; a hub that does not say reads 1."""
    marks: MarksOfAny | None = None
    """In an answer: of the places that were asked for, in that order, what the hub has there (`vigie_shared.marks`);
    None for an event that it lacks. A hub that does not know of marks says nothing."""


class WatermarkQuestion(BaseModel):
    """An agent asks where it is; `oldest` is the lowest sequence that each lane can still send."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    epoch: UniqueId
    oldest: LanesOfAny = Field(default_factory=dict)
    marks: PlacesOfAny = Field(default_factory=dict)
    """Whose marks it wants to know, `marks.MARKS_MAX` at most in all."""


class Envelope(BaseModel):
    """A signed text: the signature is over exactly `body`, in UTF-8."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    body: str = Field(max_length=16_384)
    signature: str = Field(max_length=128)
    """Ed25519, base64url without padding."""


class Signer(Protocol):
    """Signs with one side's private key."""

    def sign(self, message: bytes) -> str:
        """An Ed25519 signature, base64url without padding."""
        ...


class Verifier(Protocol):
    """Checks signatures of one public key."""

    def verify(self, message: bytes, signature: str) -> bool:
        """Whether `signature` is that key's over `message`."""
        ...


def seal(receipt: Receipt, signer: Signer) -> bytes:
    """Sign `receipt` for the wire."""
    body = receipt.model_dump_json(by_alias=True, exclude={"marks"} if receipt.marks is None else None)
    return Envelope(body=body, signature=signer.sign(body.encode())).model_dump_json().encode()


def unseal(payload: bytes, verifier: Verifier) -> Receipt:
    """Read a receipt; raises SignatureError unless the hub signed it, WireError where it is malformed."""
    try:
        envelope = Envelope.model_validate_json(payload)
    except ValidationError as error:
        raise WireError("receipt: not a signed envelope") from error
    if not verifier.verify(envelope.body.encode(), envelope.signature):
        raise SignatureError("receipt: not signed by this agent's hub; check hub.public_key in the agent's settings")
    try:
        return Receipt.model_validate_json(envelope.body)
    except ValidationError as error:
        raise WireError(f"receipt: {error.errors(include_url=False, include_input=False)[0]['msg']}") from error
