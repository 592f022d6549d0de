"""Enrolment: what a code holds, what an agent sends with it, and what the hub answers (docs/design/enrolment.md).

A code is `AGENT@ADDRESS/XXXXX-XXXXX-…`: the agent's name, where the hub's API is, then in Crockford's base 32
(crockford.com/base32.html) the fingerprint of the hub's certificate authority, a secret that counts once, and a
checksum against slips. The authority's certificate can so be had from anyone.
"""

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vigie_shared.addresses import plain_beyond_loopback
from vigie_shared.errors import CommandError, SignatureError, WireError
from vigie_shared.i18n import gettext as _
from vigie_shared.ids import AgentId, PublicKey, is_name
from vigie_shared.receipts import Envelope, Signer, Verifier

FINGERPRINT_BYTES: Final = 13
SECRET_BYTES: Final = 10
"""80 bits of chance: beyond guessing, online or from a stolen database."""
_CHECKSUM_BYTES: Final = 2
_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RFC_4648: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_WRITTEN: Final = str.maketrans(_RFC_4648, _CROCKFORD)
_READ: Final = str.maketrans(_CROCKFORD + "OIL", _RFC_4648 + "ABB")
_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")


def fingerprint(authority_pem: str) -> bytes:
    """104 bits of SHA-256 over the certificates in `authority_pem`; raises WireError where there is none."""
    try:
        found = [base64.b64decode(body) for body in _PEM.findall(authority_pem)]
    except binascii.Error as error:
        raise WireError("certificate authority: not PEM") from error
    if not found:
        raise WireError("certificate authority: no certificate in it")
    return hashlib.sha256(b"".join(found)).digest()[:FINGERPRINT_BYTES]


@dataclass(frozen=True, slots=True)
class Code:
    """A code, taken apart."""

    agent_id: str
    url: str
    """Of the hub's API, `https://host:port`; `http://` on this machine alone."""
    fingerprint: bytes
    secret: bytes

    def __str__(self) -> str:
        raw = self.fingerprint + self.secret
        text = base64.b32encode(raw + _checksum(self.agent_id, self.url, raw)).decode().rstrip("=").translate(_WRITTEN)
        groups = "-".join(text[start : start + 5] for start in range(0, len(text), 5))
        return f"{self.agent_id}@{self.url.removeprefix('https://')}/{groups}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a code as it was typed; raises CommandError with what to do."""
        where, _slash, groups = text.strip().rpartition("/")
        agent_id, _at, address = where.partition("@")
        url = address if "://" in address else f"https://{address}"
        letters = re.sub(r"[-\s]", "", groups).upper().translate(_READ)
        try:
            raw = base64.b32decode(letters + "=" * (-len(letters) % 8))
            urlsplit(url).port  # noqa: B018 (raises where it is none)
        except ValueError:
            raw = b""
        body, checksum = raw[:-_CHECKSUM_BYTES], raw[-_CHECKSUM_BYTES:]
        whole = len(body) == FINGERPRINT_BYTES + SECRET_BYTES and is_name(agent_id)
        if not whole or _checksum(agent_id, url, body) != checksum:
            raise CommandError(
                _("this code is not whole: a character is wrong or missing; copy it again, from the name to the end")
            )
        if plain_beyond_loopback(url):
            raise CommandError(_("{url}: beyond this machine a hub is reached by https:// only").format(url=url))
        return cls(agent_id, url, body[:FINGERPRINT_BYTES], body[FINGERPRINT_BYTES:])


def _checksum(agent_id: str, url: str, raw: bytes) -> bytes:
    """CRC-16/XMODEM over all that the code says."""
    return binascii.crc_hqx(f"{agent_id}@{url}/".encode() + raw, 0).to_bytes(2, "big")


class Wish(BaseModel):
    """An agent's own words: who it is, and its signature as proof that the key is its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    agent_id: AgentId
    public_key: PublicKey
    secret: str = Field(default="", max_length=64)
    """The code's, in hexadecimal; empty where the agent is enrolled and renews."""
    signature: str = Field(default="", max_length=128)

    def signed_text(self) -> bytes:
        """What the signature is over."""
        return f"vigie enrolment 1\n{self.agent_id}\n{self.public_key}\n{self.secret}\n".encode()


NatsUrl = Annotated[str, Field(pattern=r"^(nats|tls)://[^/\s]+$", max_length=300)]


class Membership(BaseModel):
    """What an agent needs in order to reach its hub, and to believe it; sealed with the hub's receipt key."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    agent_id: AgentId
    hub_key: PublicKey
    """The hub's receipt key: only what it signs frees events."""
    token: str = Field(max_length=4096)
    """The agent's NATS user JWT."""
    nats_url: NatsUrl
    nats_urls_more: tuple[NatsUrl, ...] = Field(default=(), max_length=8)
    """Where else nats-server may be found, in the order to try."""
    api_url: str = Field(pattern=r"^https?://[^/\s]+$")
    authority: str = Field(max_length=8192)
    """The certificate authority that the hub's certificates come from, PEM."""

    @property
    def nats_urls(self) -> tuple[str, ...]:
        """Where nats-server is, or may be, in the order to try."""
        return (self.nats_url, *self.nats_urls_more)

    def issued_at(self) -> datetime:
        """When the token was made."""
        return self._time("iat")

    def expires_at(self) -> datetime:
        """Until when the token holds."""
        return self._time("exp")

    def _time(self, claim: str) -> datetime:
        """One of the token's claims; nobody but nats-server need verify them. Raises WireError."""
        try:
            claims = self.token.split(".")[1]
            seconds = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))[claim]
            return datetime.fromtimestamp(seconds, UTC)
        except (IndexError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise WireError("credentials: not a NATS user token") from error


def seal(membership: Membership, signer: Signer) -> bytes:
    """Sign `membership` for the wire."""
    body = membership.model_dump_json()
    return Envelope(body=body, signature=signer.sign(body.encode())).model_dump_json().encode()


def unseal(payload: bytes, verifier: Verifier) -> Membership:
    """Read a membership; raises SignatureError unless the hub signed it, WireError where it is malformed."""
    membership, envelope = read_unverified(payload)
    if not verifier.verify(envelope.body.encode(), envelope.signature):
        raise SignatureError("credentials: not signed by this agent's hub")
    return membership


def read_unverified(payload: bytes) -> tuple[Membership, Envelope]:
    """Read a membership of whom the way itself vouches: at enrolment the key that signed it is news."""
    try:
        envelope = Envelope.model_validate_json(payload)
        membership = Membership.model_validate_json(envelope.body)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        raise WireError(f"credentials: {'.'.join(map(str, fault['loc']))}: {fault['msg']}") from error
    for url in membership.nats_urls:
        if scheme := plain_beyond_loopback(url):
            raise WireError(f"credentials: nats-server would be reached in the clear, not by {scheme}://")
    return membership, envelope
