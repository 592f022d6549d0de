"""Public keys as text: Ed25519 in the NKEY form that nats-server takes (base32 of prefix, key and CRC-16/XMODEM)."""

import base64
import binascii
from typing import Final

from vigie_shared.errors import WireError

KEY_BYTES: Final = 32


def raw_public_key(public_key: str) -> bytes:
    """The 32 bytes of `public_key`; raises WireError where a character is wrong or missing."""
    try:
        raw = base64.b32decode(public_key + "=" * (-len(public_key) % 8))
    except binascii.Error as error:
        raise WireError("public key: not base32 in capitals; copy it again, whole") from error
    body, checksum = raw[:-2], int.from_bytes(raw[-2:], "little")
    if len(body) != 1 + KEY_BYTES or binascii.crc_hqx(body, 0) != checksum:
        raise WireError("public key: a character is wrong or missing; copy it again, whole")
    return body[1:]
