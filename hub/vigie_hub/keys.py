"""The hub's own Ed25519 keys, as NKEYs, each in a file that nobody else may read."""

import base64
import os
import secrets
from pathlib import Path
from typing import Any, Final, Self

import nkeys
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from vigie_shared.errors import StoreError
from vigie_shared.i18n import gettext as _
from vigie_shared.keys import raw_public_key

RECEIPT_KEY: Final = ("receipt.nk", nkeys.PREFIX_BYTE_SERVER)


class KeyPair:
    """One key: its seed never leaves the process and the file that it came from."""

    def __init__(self, seed: str) -> None:
        self.seed = seed
        self._pair: Any = nkeys.from_seed(bytearray(seed.encode()))
        self.public_key: str = self._pair.public_key.decode()

    def __repr__(self) -> str:
        return f"KeyPair({self.public_key})"

    def sign(self, message: bytes) -> str:
        """An Ed25519 signature, base64url without padding."""
        signature: bytes = self._pair.sign(message)
        return base64.urlsafe_b64encode(signature).rstrip(b"=").decode()

    @classmethod
    def of_file(cls, path: Path, prefix: int) -> Self:
        """The key kept in `path`, made where there is none; raises StoreError where it is unsafe or unreadable."""
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not path.exists():
                _make(path, prefix)
            if path.stat().st_mode & 0o077:
                raise StoreError(_("{path}: others can read this key; run: chmod 600 {path}").format(path=path))
            return cls(path.read_text(encoding="ascii").strip())
        except OSError as error:
            raise StoreError(_("key {path}: {reason}").format(path=path, reason=error.strerror)) from error
        except (nkeys.NkeysError, ValueError) as error:
            raise StoreError(_("key {path}: damaged; restore it from a backup").format(path=path)) from error


def _make(path: Path, prefix: int) -> None:
    """Write a new seed whole or not at all; where another process was faster, its seed stays."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(nkeys.encode_seed(secrets.token_bytes(32), prefix) + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        if not path.exists():
            os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()


class PublicKey:
    """Checks signatures of one agent, or of the hub itself (`vigie_shared.receipts.Verifier`)."""

    def __init__(self, public_key: str) -> None:
        """Raises WireError where it is no key."""
        self._key = Ed25519PublicKey.from_public_bytes(raw_public_key(public_key))

    def verify(self, message: bytes, signature: str) -> bool:
        """Whether `signature` is that key's over `message`."""
        try:
            self._key.verify(base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4)), message)
        except (InvalidSignature, ValueError):
            return False
        return True


class HubKeys:
    """The key that signs receipts, in `<data_dir>/keys`; those of the bus are `vigie_hub.bus.trust.Trust`."""

    def __init__(self, data_dir: Path) -> None:
        self.receipts = KeyPair.of_file(data_dir / "keys" / RECEIPT_KEY[0], RECEIPT_KEY[1])
