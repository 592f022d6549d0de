"""What nats-server counts of one connection."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

Session = tuple[str, int]
"""A server's id and the connection's number there."""


@dataclass(frozen=True, slots=True)
class Load:
    """What all connections of one server have sent since it was started."""

    server_id: str
    messages: int
    bytes: int

    @classmethod
    def of(cls, answer: dict[str, Any]) -> Self:
        """From an answer of nats-server's monitoring (STATSZ). Raises KeyError, TypeError."""
        received = answer["statsz"]["received"]
        return cls(answer["server"]["id"], received["msgs"], received["bytes"])


@dataclass(frozen=True, slots=True)
class Traffic:
    """What one connection has sent since it was made."""

    key: str
    session: Session
    messages: int
    bytes: int
    age_seconds: float

    @classmethod
    def of(cls, page: dict[str, Any], one: dict[str, Any], key: str) -> Self:
        """From an answer of nats-server's monitoring (CONNZ). Raises KeyError, ValueError, TypeError."""
        age = datetime.fromisoformat(page["now"]) - datetime.fromisoformat(one["start"])
        session = (page["server_id"], one["cid"])
        return cls(key, session, one["in_msgs"], one["in_bytes"], max(0.0, age.total_seconds()))
