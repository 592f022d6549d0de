"""Whom nats-server believes: an operator, two accounts, and a key that signs agents and nothing else.

```
operator ─signs→ its signing key ─signs→ account SYS ─signs→ the hub, to watch and to revoke
 (may be put away)                   └─→ account VMS ─signs→ the hub
                                           └ signing key, scoped to the agents' template ─signs→ agents
```
Seeds lie in `<data_dir>/keys`, mode 0600. Only the operator's own is never needed again once its token is made: it can
be moved away (`vigie hub operator-seed`), and brought back to replace a signing key that was lost.
"""

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import nkeys

from vigie_hub.bus import claims
from vigie_hub.bus.login import Login
from vigie_hub.bus.permissions import (
    HUB_INBOX_PREFIX,
    SYSTEM_INBOX_PREFIX,
    agent_template,
    hub_rights,
    system_rights,
)
from vigie_hub.keys import KeyPair
from vigie_shared.clock import Clock, SystemClock
from vigie_shared.errors import StoreError
from vigie_shared.i18n import gettext as _

AGENT_TOKEN_LIFETIME: Final = timedelta(days=7)
"""An agent renews daily; one that was away for longer renews over HTTPS before it logs in again."""
CONNECTIONS_MAX: Final = 20_000
STREAMS_MAX: Final = 8
CONSUMERS_MAX: Final = 64
LISTS_BYTES: Final = 1024**3
"""Room for hotlists besides the events."""
_FIRST_SECOND: Final = 1
_SUSPENDED: Final = "vigie_suspended"
"""Keys whose refusal ends by itself; nats-server reads over it."""
_OPERATOR: Final = ("operator.nk", nkeys.PREFIX_BYTE_OPERATOR)
_OPERATOR_SIGNER: Final = ("operator-signer.nk", nkeys.PREFIX_BYTE_OPERATOR)
_SYSTEM: Final = ("system.nk", nkeys.PREFIX_BYTE_ACCOUNT)
_ACCOUNT: Final = ("account.nk", nkeys.PREFIX_BYTE_ACCOUNT)
_AGENT_SIGNER: Final = ("agent-signer.nk", nkeys.PREFIX_BYTE_ACCOUNT)
_OPERATOR_TOKEN: Final = "operator.jwt"  # noqa: S105 (a file name)


class Trust:
    """All keys of one hub's bus, and the tokens made with them."""

    def __init__(self, folder: Path, clock: Clock | None = None) -> None:
        self._folder = folder
        self._clock = clock or SystemClock()
        self._operator_signer = KeyPair.of_file(folder / _OPERATOR_SIGNER[0], _OPERATOR_SIGNER[1])
        self._system = KeyPair.of_file(folder / _SYSTEM[0], _SYSTEM[1])
        self._account = KeyPair.of_file(folder / _ACCOUNT[0], _ACCOUNT[1])
        self._agent_signer = KeyPair.of_file(folder / _AGENT_SIGNER[0], _AGENT_SIGNER[1])
        self.operator_token = self._load_operator_token()
        self._last_issued_at = 0

    @property
    def account(self) -> str:
        """The account of the fleet."""
        return self._account.public_key

    @property
    def system_account(self) -> str:
        """The account of nats-server's own events and questions."""
        return self._system.public_key

    def first_account_token(self, revocations: Mapping[str, int], events_bytes_max: int) -> str:
        """The fleet's account for a server that knows none: any other that it has is newer, and stays."""
        return self._account_token(self._account, "VMS", self._fleet(revocations, {}, events_bytes_max), _FIRST_SECOND)

    def account_token(
        self, revocations: Mapping[str, int], events_bytes_max: int, suspensions: Mapping[str, int] | None = None
    ) -> str:
        """The fleet's account: its limits, the agents' template, and since when which keys are refused.

        Those of `suspensions` are refused alike, but are told apart by who reads the token (`revoked_in`).
        """
        return self._account_token(
            self._account, "VMS", self._fleet(revocations, suspensions or {}, events_bytes_max), self._next_second()
        )

    def revoked_in(self, token: str) -> dict[str, int] | None:
        """Since when which keys are revoked for good, says an account token of ours; None where it is not ours.

        Tokens that are made from now on are newer than it.
        """
        if claims.issuer_of(token) != self._operator_signer.public_key:
            return None
        told = claims.decode(token)
        if told["sub"] != self.account:
            return None
        self._last_issued_at = max(self._last_issued_at, int(told["iat"]))
        nats = told["nats"]
        passing = set(nats.get(_SUSPENDED, ()))
        return {key: int(at) for key, at in nats.get("revocations", {}).items() if key not in passing}

    def _fleet(
        self, revocations: Mapping[str, int], suspensions: Mapping[str, int], events_bytes_max: int
    ) -> dict[str, Any]:
        nats: dict[str, Any] = {
            "type": "account",
            "version": 2,
            "limits": {
                **_LIMITS,
                "mem_storage": 0,
                "disk_storage": events_bytes_max + LISTS_BYTES,
                "streams": STREAMS_MAX,
                "consumer": CONSUMERS_MAX,
            },
            "signing_keys": [
                {
                    "kind": "user_scope",
                    "key": self._agent_signer.public_key,
                    "role": "agent",
                    "template": agent_template(),
                }
            ],
            "revocations": {**suspensions, **revocations},
            _SUSPENDED: sorted(suspensions.keys() - revocations.keys()),
        }
        return nats

    def system_token(self) -> str:
        """The system account."""
        nats = {"type": "account", "version": 2, "limits": _LIMITS}
        return self._account_token(self._system, "SYS", nats, self._next_second())

    def agent_token(self, agent_id: str, public_key: str, not_before: int = 0) -> str:
        """Lets `public_key` in as `agent_id`; issued after `not_before`, where that key was refused once."""
        issued_at = max(int(self._clock.now().timestamp()), not_before + 1)
        nats = {"type": "user", "version": 2, "issuer_account": self.account}
        expires_at = issued_at + int(AGENT_TOKEN_LIFETIME.total_seconds())
        return claims.encode(self._agent_signer, public_key, agent_id, nats, issued_at, expires_at)

    def hub_login(self) -> Login:
        """The hub, among its agents."""
        return Login(HUB_INBOX_PREFIX, lambda key: self._own_token(self._account, key, hub_rights()))

    def system_login(self) -> Login:
        """The hub, as the one who runs the server."""
        rights = system_rights(self.account)
        return Login(SYSTEM_INBOX_PREFIX, lambda key: self._own_token(self._system, key, rights))

    def put_operator_away(self, target: Path) -> None:
        """Move the operator's seed to `target`, mode 0600; raises StoreError where it is away already."""
        source = self._folder / _OPERATOR[0]
        try:
            seed = source.read_bytes()
            with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(seed)
                file.flush()
                os.fsync(file.fileno())
            source.unlink()
        except FileNotFoundError as error:
            raise StoreError(_("{path}: the operator's seed is not here any more").format(path=source)) from error
        except OSError as error:
            raise StoreError(_("{path}: {reason}").format(path=target, reason=error.strerror)) from error

    def _own_token(self, account: KeyPair, public_key: str, rights: dict[str, Any]) -> str:
        """Without an end: the key that it is for lives in this process's memory alone."""
        nats = {"type": "user", "version": 2, **rights}
        return claims.encode(account, public_key, "hub", nats, int(self._clock.now().timestamp()))

    def _account_token(self, account: KeyPair, name: str, nats: dict[str, Any], issued_at: int) -> str:
        return claims.encode(self._operator_signer, account.public_key, name, nats, issued_at)

    def _next_second(self) -> int:
        """nats-server keeps the newest token by its second, so that no two of ours share one."""
        self._last_issued_at = max(int(self._clock.now().timestamp()), self._last_issued_at + 1)
        return self._last_issued_at

    def _load_operator_token(self) -> str:
        """The operator's word for its signing key; made again only where the seed is here and the key is another."""
        path = self._folder / _OPERATOR_TOKEN
        signer = self._operator_signer.public_key
        try:
            if path.exists():
                token = path.read_text(encoding="ascii").strip()
                if signer in claims.decode(token)["nats"]["signing_keys"]:
                    return token
                if not (self._folder / _OPERATOR[0]).exists():
                    raise StoreError(
                        _("{path}: made for another signing key; bring the operator's seed back to {folder}").format(
                            path=path, folder=self._folder
                        )
                    )
            operator = KeyPair.of_file(self._folder / _OPERATOR[0], _OPERATOR[1])
            nats = {"type": "operator", "version": 2, "signing_keys": [signer], "system_account": self.system_account}
            token = claims.encode(operator, operator.public_key, "vigie", nats, int(self._clock.now().timestamp()))
            fresh = path.with_name(f".{path.name}.{os.getpid()}")
            fresh.write_text(token + "\n", encoding="ascii")
            fresh.replace(path)
        except OSError as error:
            raise StoreError(_("{path}: {reason}").format(path=path, reason=error.strerror)) from error
        return token


_LIMITS: Final = {
    "subs": -1,
    "data": -1,
    "payload": -1,
    "imports": 0,
    "exports": 0,
    "wildcards": False,
    "conn": CONNECTIONS_MAX,
    "leaf": 0,
}
