"""Proving who we are: Basic (RFC 7617) and Digest with MD5 or SHA-256 (RFC 2617, 7616)."""

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

_PARAMETER: Final = re.compile(r'([A-Za-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_STRENGTH: Final = {"sha-256": 2, "md5": 1}


@dataclass(frozen=True, slots=True)
class Challenge:
    """One `WWW-Authenticate` header."""

    scheme: str
    parameters: dict[str, str]

    @property
    def algorithm(self) -> str:
        """Of a digest."""
        return self.parameters.get("algorithm", "MD5").lower()

    @property
    def is_stale(self) -> bool:
        """The password was right, only the nonce is too old."""
        return self.parameters.get("stale", "").lower() == "true"

    @property
    def strength(self) -> int:
        """How well it hides the password; 0 where we do not know the method."""
        if self.scheme == "basic":
            return 1
        qops = {qop.strip() for qop in self.parameters.get("qop", "auth").split(",")}
        if self.scheme != "digest" or "auth" not in qops or not self.parameters.get("nonce"):
            return 0
        return 1 + _STRENGTH.get(self.algorithm, -1)


def parse_challenge(header: str) -> Challenge:
    """Read one header's value; what cannot be understood has strength 0."""
    scheme, _space, rest = header.strip().partition(" ")
    parameters = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(rest)}
    return Challenge(scheme.lower(), parameters)


def strongest(headers: Sequence[str]) -> Challenge | None:
    """The best method offered; None where there is none that we know."""
    challenges = sorted(map(parse_challenge, headers), key=lambda one: one.strength)
    return challenges[-1] if challenges and challenges[-1].strength else None


class Authenticator:
    """Answers challenges for one user."""

    def __init__(self, user: str, password: str, chance: Callable[[], str] = lambda: secrets.token_hex(8)) -> None:
        self._user = user
        self._password = password
        self._chance = chance
        self._challenge: Challenge | None = None
        self._uses = 0

    def take(self, headers: Sequence[str]) -> bool:
        """Learn how the server wants it; False where trying again is of no use."""
        challenge = strongest(headers)
        if challenge is None:
            return False
        is_new = self._challenge is None or challenge.is_stale
        self._challenge, self._uses = challenge, 0
        return is_new

    def header(self, method: str, url: str) -> str | None:
        """The `Authorization` for a request; None before the server has asked."""
        if self._challenge is None:
            return None
        if self._challenge.scheme == "basic":
            return "Basic " + base64.b64encode(f"{self._user}:{self._password}".encode()).decode()
        return self._digest(self._challenge, method, url)

    def _digest(self, challenge: Challenge, method: str, url: str) -> str:
        realm, nonce = challenge.parameters.get("realm", ""), challenge.parameters["nonce"]
        secret = _hashed(challenge.algorithm, f"{self._user}:{realm}:{self._password}")
        request = _hashed(challenge.algorithm, f"{method}:{url}")
        fields = f'username="{self._user}", realm="{realm}", nonce="{nonce}", uri="{url}"'
        if "qop" in challenge.parameters:
            self._uses += 1
            count, chance = f"{self._uses:08x}", self._chance()
            response = _hashed(challenge.algorithm, f"{secret}:{nonce}:{count}:{chance}:auth:{request}")
            fields += f', qop=auth, nc={count}, cnonce="{chance}"'
        else:
            response = _hashed(challenge.algorithm, f"{secret}:{nonce}:{request}")
        fields += f', response="{response}"'
        for name in ("opaque", "algorithm"):
            if name in challenge.parameters:
                quote = "" if name == "algorithm" else '"'
                fields += f", {name}={quote}{challenge.parameters[name]}{quote}"
        return f"Digest {fields}"


def _hashed(algorithm: str, text: str) -> str:
    if algorithm == "sha-256":
        return hashlib.sha256(text.encode()).hexdigest()
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
