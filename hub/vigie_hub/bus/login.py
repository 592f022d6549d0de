"""How the hub logs in to nats-server: a key that lives as long as the process, and a token made at each attempt."""

import base64
import secrets
from collections.abc import Callable

import nkeys

from vigie_hub.keys import KeyPair


class Login:
    """A user of one account; `issue` makes its token."""

    def __init__(self, inbox_prefix: str, issue: Callable[[str], str]) -> None:
        self.inbox_prefix = inbox_prefix
        self._key = KeyPair(nkeys.encode_seed(secrets.token_bytes(32), nkeys.PREFIX_BYTE_USER).decode())
        self._issue = issue

    def token(self) -> bytes:
        """A fresh token, for nats-py's `user_jwt_cb`."""
        return self._issue(self._key.public_key).encode()

    def answer(self, nonce: str) -> bytes:
        """The server's nonce, signed, for nats-py's `signature_cb`."""
        signature = self._key.sign(nonce.encode())
        return base64.b64encode(base64.urlsafe_b64decode(signature + "=="))
