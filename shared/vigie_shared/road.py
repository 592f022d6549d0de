"""The TCP road of a transfer: one HTTP POST of the agent to the hub, open both ways for as long as the session lasts.

The agent's messages are the body of the request, the puller's that of the response. Each message is 5 bytes, its kind
(`t` text, `b` binary) and its length (big-endian), then itself. Why it is so: docs/design/transfer.md.
"""

import struct
from typing import Final

from vigie_shared.errors import WireError
from vigie_shared.transfer import FRAME_BYTES_MAX

PATH: Final = "/api/v1/transfers/"
"""Followed by the session's id."""
SCHEME: Final = "Vigie"
"""Of the Authorization header, followed by the agent's signature over `proof`."""
_HEAD: Final = struct.Struct(">cI")
_KINDS: Final = {b"t": 64 * 1024, b"b": FRAME_BYTES_MAX + 8}
"""The longest message of each kind."""


def proof(agent_id: str, session_id: str, secret: str) -> bytes:
    """What the agent signs so as to be let in: the secret came over signaling, to it alone, and never travels here."""
    return f"vigie transfer v1\n{agent_id}\n{session_id}\n{secret}\n".encode()


def pack(message: str | bytes) -> bytes:
    """A message as it travels."""
    if isinstance(message, str):
        encoded = message.encode()
        return _HEAD.pack(b"t", len(encoded)) + encoded
    return _HEAD.pack(b"b", len(message)) + message


class Messages:
    """Takes the stream as it comes, gives the messages in it."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> list[str | bytes]:
        """The messages that are whole now; raises WireError where the stream is none, before it fills the memory."""
        self._pending += data
        messages: list[str | bytes] = []
        start = 0
        while len(self._pending) - start >= _HEAD.size:
            kind, length = _HEAD.unpack_from(self._pending, start)
            if length > _KINDS.get(kind, -1):
                raise WireError("transfer: a message of no known kind, or longer than any")
            end = start + _HEAD.size + length
            if len(self._pending) < end:
                break
            with memoryview(self._pending) as view:
                body = bytes(view[start + _HEAD.size : end])
            messages.append(_text(body) if kind == b"t" else body)
            start = end
        del self._pending[:start]
        return messages


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise WireError("transfer: a text message that is not UTF-8") from error
