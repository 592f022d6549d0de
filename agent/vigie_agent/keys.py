"""The agent's own Ed25519 key, and the hub's public one."""

import base64
import binascii
import contextlib
import os
import secrets
from pathlib import Path
from typing import Final

import nkeys
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from vigie_shared.errors import SettingsError
from vigie_shared.i18n import gettext as _
from vigie_shared.keys import KEY_BYTES, raw_public_key

FILE_NAME: Final = "agent.seed"


class AgentKey:
    """Who this agent is to nats-server and the hub. The seed never leaves the box."""

    def __init__(self, seed: str) -> None:
        self._pair = nkeys.from_seed(bytearray(seed.encode()))
        self.seed = seed
        self.public_key: str = self._pair.public_key.decode()

    def __repr__(self) -> str:
        return f"AgentKey({self.public_key})"

    def sign(self, message: bytes) -> str:
        """An Ed25519 signature, base64url without padding."""
        return base64.urlsafe_b64encode(self._pair.sign(message)).rstrip(b"=").decode()


def load_or_make_agent_key(data_dir: Path) -> AgentKey:
    """The key in `data_dir`, made at the first call; SettingsError where others could read it or it is damaged."""
    path = data_dir / FILE_NAME
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _write_once(path, nkeys.encode_seed(secrets.token_bytes(KEY_BYTES), nkeys.PREFIX_BYTE_USER))
        if path.stat().st_mode & 0o077:
            raise SettingsError(_("{path} can be read by others: chmod 600 {path}").format(path=path))
        return AgentKey(path.read_text(encoding="ascii").strip())
    except OSError as error:
        raise SettingsError(
            _("cannot read the agent's key {path}: {reason}").format(path=path, reason=error.strerror)
        ) from error
    except (ValueError, nkeys.NkeysError) as error:
        raise SettingsError(
            _("{path} is not an agent's key: put the right file back, or remove it and enrol again").format(path=path)
        ) from error


def _write_once(path: Path, seed: bytes) -> None:
    """Write the seed under another name first, so that a full disk leaves no half key behind."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(seed + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another process was first: its key counts
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


class HubKey:
    """The key with which the hub signs receipts (`vigie_shared.receipts.Verifier`)."""

    def __init__(self, public_key: str) -> None:
        self._key = Ed25519PublicKey.from_public_bytes(raw_public_key(public_key))

    def verify(self, message: bytes, signature: str) -> bool:
        """Whether `signature` is the hub's over `message`."""
        try:
            raw = base64.b64decode(signature + "=" * (-len(signature) % 4), altchars=b"-_", validate=True)
            self._key.verify(raw, message)
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True
