"""Identifiers: short, safe in a NATS subject, a file name and a URL."""

import re
import secrets
import zlib
from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

NAME_PATTERN = r"^[a-z0-9][a-z0-9-]{0,31}$"
UNIQUE_PATTERN = r"^[0-9a-f]{22}$"
PUBLIC_KEY_PATTERN = r"^[UN][A-Z2-7]{55}$"
SHA256_PATTERN = r"^[0-9a-f]{64}$"

AgentId = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
"""Chosen by the installer, unique per hub; a token of NATS subjects."""

CameraId = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
"""Chosen by the installer, unique per agent."""

ListId = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
"""Chosen by an operator, unique per hub: a hotlist."""

UniqueId = Annotated[str, StringConstraints(pattern=UNIQUE_PATTERN)]
"""Made by `unique_id`: of a motion, a read, a clip, an epoch, a session."""

PublicKey = Annotated[str, StringConstraints(pattern=PUBLIC_KEY_PATTERN)]
"""An Ed25519 public key in NKEY form (`U…`), as nats-server takes it."""

Sha256 = Annotated[str, StringConstraints(pattern=SHA256_PATTERN)]
"""A SHA-256 digest in lower-case hexadecimal."""

Sequence = Annotated[int, Field(ge=0, le=(1 << 53) - 1)]
"""A place in a lane: the first event is 1, 0 means none; exact in JSON everywhere (RFC 8259 §6)."""

_NAME = re.compile(NAME_PATTERN)
_BYTES = 11
_CHANCE = (1 << 40) - 1


def is_name(text: str) -> bool:
    """Whether `text` can name an agent or a camera."""
    return _NAME.fullmatch(text) is not None


def unique_id(at: datetime) -> str:
    """22 hexadecimal digits that sort by `at`: 48 bits of milliseconds, 40 of chance."""
    return f"{int(at.timestamp() * 1000):012x}{secrets.token_hex(5)}"


def read_id(at: datetime, motion_id: str, text: str) -> str:
    """The id of the read of plate `text` at that time: its chance is its motion's, so that it need not travel."""
    return id_of(derived_number(int(at.timestamp() * 1000), int(motion_id, 16), text))


def derived_number(ms: int, motion: int, text: str) -> int:
    """`read_id` in numbers: its chance is the motion's, moved on by the CRC-32 of `text`, for one may show several."""
    return ms << 40 | motion + zlib.crc32(text.encode()) & _CHANCE


def id_of(number: int) -> str:
    """The identifier that is `number` in hexadecimal digits."""
    return f"{number:022x}"


def raw(number: int) -> bytes:
    """The identifier that is `number`, in as few bytes as it has: what `bytes.fromhex` makes of its digits."""
    return number.to_bytes(_BYTES, "big")
