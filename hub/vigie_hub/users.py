"""Who may log in: names, and passwords as salted scrypt hashes (RFC 7914).

A hash is `scrypt$<log2 n>$<r>$<p>$<salt>$<digest>`, salt and digest in base64url without padding; a hash made with
older parameters stays valid.
"""

import base64
import hashlib
import hmac
import secrets
import sqlite3
from datetime import datetime
from typing import Final

from vigie_hub.database import Database, iso
from vigie_shared.errors import CommandError
from vigie_shared.i18n import gettext as _

PASSWORD_CHARACTERS_MIN: Final = 8
NAME_CHARACTERS_MAX: Final = 64
_LOG2_N: Final = 15
_R: Final = 8
_P: Final = 1
_SALT_BYTES: Final = 16
_DIGEST_BYTES: Final = 32
_MEMORY_BYTES_MAX: Final = 128 * 1024**2


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _scrypt(password: str, salt: bytes, log2_n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(
        password.encode(), salt=salt, n=1 << log2_n, r=r, p=p, maxmem=_MEMORY_BYTES_MAX, dklen=_DIGEST_BYTES
    )


def hash_password(password: str) -> str:
    """A salted hash of `password`; takes some 50 ms of CPU."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return f"scrypt${_LOG2_N}${_R}${_P}${_text(salt)}${_text(_scrypt(password, salt, _LOG2_N, _R, _P))}"


def matches(password: str, password_hash: str) -> bool:
    """Whether `password` has this hash; takes as long as making it."""
    _name, log2_n, r, p, salt, digest = password_hash.split("$")
    found = _scrypt(password, _raw(salt), int(log2_n), int(r), int(p))
    return hmac.compare_digest(found, _raw(digest))


_NOBODY: Final = f"scrypt${_LOG2_N}${_R}${_P}${_text(bytes(_SALT_BYTES))}${_text(bytes(_DIGEST_BYTES))}"
"""Checked for a name that nobody has, so that the answer takes as long."""


def add(database: Database, name: str, password: str, at: datetime) -> None:
    """Add a user, or give one a new password; blocks. Raises CommandError where either is unusable."""
    if not name.isprintable() or not name.strip() or len(name) > NAME_CHARACTERS_MAX or ":" in name:
        raise CommandError(_("user name: 1 to {most} printable characters, no colon").format(most=NAME_CHARACTERS_MAX))
    if len(password) < PASSWORD_CHARACTERS_MIN:
        raise CommandError(_("password: at least {least} characters").format(least=PASSWORD_CHARACTERS_MIN))
    password_hash = hash_password(password)
    database.write_now(
        lambda connection: connection.execute(
            "INSERT INTO users (name, password_hash, created_at) VALUES (?, ?, ?)"
            " ON CONFLICT (name) DO UPDATE SET password_hash = excluded.password_hash",
            (name, password_hash, iso(at)),
        )
    )


class Users:
    """Checks log-ins against the read model."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def verify(self, name: str, password: str) -> bool:
        """Whether this user has this password; hashes in a reader thread, off the loop."""

        def check(connection: sqlite3.Connection) -> bool:
            row = connection.execute("SELECT password_hash FROM users WHERE name = ?", (name,)).fetchone()
            return matches(password, row["password_hash"] if row else _NOBODY)

        return await self._database.read(check)
