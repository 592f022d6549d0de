"""NATS JWTs, version 2: what an operator, an account or a user is, signed with an NKEY.

The token is `header.claims.signature`, base64url without padding, signed by Ed25519 over the first two parts
(github.com/nats-io/jwt, v2: header.go, claims.go). `jti` is a digest of the claims; nats-server takes any.
"""

import base64
import hashlib
import json
from typing import Any, Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from vigie_shared.errors import WireError
from vigie_shared.keys import raw_public_key

_HEADER: Final = {"typ": "JWT", "alg": "ed25519-nkey"}


class Issuer(Protocol):
    """A key that vouches for others (`vigie_hub.keys.KeyPair`)."""

    @property
    def public_key(self) -> str:
        """Its NKEY."""
        ...

    def sign(self, message: bytes) -> str:
        """An Ed25519 signature, base64url without padding."""
        ...


def encode(
    issuer: Issuer, subject: str, name: str, nats: dict[str, Any], issued_at: int, expires_at: int | None = None
) -> str:
    """A token about `subject`, a public key; times are seconds since 1970. Without `expires_at` it holds for ever."""
    claims: dict[str, Any] = {"iat": issued_at, "iss": issuer.public_key, "name": name, "sub": subject, "nats": nats}
    if expires_at is not None:
        claims["exp"] = expires_at
    digest = hashlib.sha256(_compact(claims)).digest()
    claims["jti"] = base64.b32encode(digest).rstrip(b"=").decode()
    signed = f"{_part(_compact(_HEADER))}.{_part(_compact(claims))}"
    return f"{signed}.{issuer.sign(signed.encode())}"


def decode(token: str) -> dict[str, Any]:
    """The claims of one of our own tokens; nothing is verified."""
    claims = token.split(".")[1]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    return decoded


def issuer_of(token: str) -> str | None:
    """Who signed it; None where nobody did, or where it is no token."""
    signed, _dot, signature = token.rpartition(".")
    try:
        issuer: str = decode(token)["iss"]
        key = Ed25519PublicKey.from_public_bytes(raw_public_key(issuer))
        key.verify(base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4)), signed.encode())
    except (ValueError, LookupError, TypeError, WireError, InvalidSignature):
        return None
    return issuer


def _compact(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()


def _part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
