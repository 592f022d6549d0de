"""What this agent has from its hub: where it is, whom to believe, and a token that lets it in for some days.

Kept in `data_dir/hub.json`, mode 0600, made by `vigie agent enrol` and written anew at each renewal.
"""

import base64
import os
import ssl
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from vigie_agent.keys import AgentKey, HubKey
from vigie_shared.enrolment import Membership, Wish, unseal
from vigie_shared.errors import SettingsError, WireError
from vigie_shared.i18n import gettext as _

FILE_NAME: Final = "hub.json"
RENEW_AFTER: Final = timedelta(days=1)
_TOO_NEW: Final = timedelta(minutes=5)
"""A token from further in the future means that this box's clock is wrong: then it is renewed to be safe."""


def load(data_dir: Path) -> Membership | None:
    """What the hub gave; None before enrolment. Raises SettingsError where it is unsafe or damaged."""
    path = data_dir / FILE_NAME
    try:
        if path.stat().st_mode & 0o077:
            raise SettingsError(_("{path} can be read by others: chmod 600 {path}").format(path=path))
        return Membership.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(_("cannot read {path}: {reason}").format(path=path, reason=error.strerror)) from error
    except ValidationError as error:
        raise SettingsError(_("{path} is damaged: remove it, and enrol again").format(path=path)) from error


def save(data_dir: Path, membership: Membership) -> None:
    """Keep it, whole or not at all. Raises SettingsError where the disk refuses."""
    path = data_dir / FILE_NAME
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(membership.model_dump_json(indent=1).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise SettingsError(_("cannot write {path}: {reason}").format(path=path, reason=error.strerror)) from error


def signed_wish(key: AgentKey, agent_id: str, secret: bytes = b"") -> Wish:
    """Ask the hub to let this agent in, by a code's secret or as one that it knows."""
    wish = Wish(agent_id=agent_id, public_key=key.public_key, secret=secret.hex())
    return wish.model_copy(update={"signature": key.sign(wish.signed_text())})


class Credentials:
    """The membership in use, and the key that proves it is ours."""

    def __init__(self, data_dir: Path, key: AgentKey, membership: Membership) -> None:
        self.membership = membership
        self.key = key
        self._data_dir = data_dir

    def token(self) -> bytes:
        """For nats-py's `user_jwt_cb`."""
        return self.membership.token.encode()

    def answer(self, nonce: str) -> bytes:
        """The server's nonce, signed, for nats-py's `signature_cb`."""
        return base64.b64encode(base64.urlsafe_b64decode(self.key.sign(nonce.encode()) + "=="))

    def tls_context(self) -> ssl.SSLContext | None:
        """Believes the hub's authority alone; None on this machine."""
        if not self.membership.nats_url.startswith("tls://"):
            return None
        return ssl.create_default_context(cadata=self.membership.authority)

    def wish(self) -> Wish:
        """Ask for renewal."""
        return signed_wish(self.key, self.membership.agent_id)

    def take(self, sealed: bytes) -> None:
        """A renewal came: believe it if our hub signed it, and keep it; blocks. Raises WireError, SettingsError."""
        fresh = unseal(sealed, HubKey(self.membership.hub_key))
        if fresh.agent_id != self.membership.agent_id or fresh.hub_key != self.membership.hub_key:
            raise WireError("credentials: for another agent, or of another hub")
        if fresh.issued_at() < self.membership.issued_at():
            return  # an older answer that was overtaken
        save(self._data_dir, fresh)
        self.membership = fresh

    def look(self) -> bool:
        """Whether a new enrolment lies in the folder, which is then in use; blocks. Raises SettingsError."""
        found = load(self._data_dir)
        if found is None or found == self.membership:
            return False
        self.membership = found
        return True

    def is_due(self, now: datetime) -> bool:
        """Whether it is time to renew."""
        issued_at = self.membership.issued_at()
        return now >= issued_at + RENEW_AFTER or now < issued_at - _TOO_NEW
