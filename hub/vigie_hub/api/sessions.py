"""Sessions of signed-in people, in memory: a restart of the hub signs everyone out."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

IDLE_SECONDS_MAX: Final = 8 * 3600.0
AGE_SECONDS_MAX: Final = 24 * 3600.0
SESSIONS_MAX: Final = 1024


@dataclass
class _Session:
    user: str
    opened_at_seconds: float
    used_at_seconds: float


class Sessions:
    """Who holds which token; only digests of tokens are kept. Times are monotonic seconds."""

    def __init__(self, sessions_max: int = SESSIONS_MAX) -> None:
        self._sessions: dict[str, _Session] = {}
        self._sessions_max = sessions_max

    def open(self, user: str, now_seconds: float) -> str:
        """A new token for `user`; where the table is full, the session unused for longest ends."""
        while len(self._sessions) >= self._sessions_max:
            del self._sessions[min(self._sessions, key=lambda digest: self._sessions[digest].used_at_seconds)]
        token = secrets.token_urlsafe(32)
        self._sessions[_digest(token)] = _Session(user, now_seconds, now_seconds)
        return token

    def user(self, token: str, now_seconds: float) -> str | None:
        """Whose token it is; None once it expired or was closed."""
        if not self.is_open(token, now_seconds):
            self.close(token)
            return None
        session = self._sessions[_digest(token)]
        session.used_at_seconds = now_seconds
        return session.user

    def is_open(self, token: str, now_seconds: float) -> bool:
        """Whether it would let someone in; does not count as use."""
        session = self._sessions.get(_digest(token))
        if session is None:
            return False
        idle, age = now_seconds - session.used_at_seconds, now_seconds - session.opened_at_seconds
        return idle <= IDLE_SECONDS_MAX and age <= AGE_SECONDS_MAX

    def close(self, token: str) -> None:
        """End the session."""
        self._sessions.pop(_digest(token), None)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
