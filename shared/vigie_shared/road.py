"""The TCP road of a transfer: one HTTP POST of the agent to the hub, open both ways for as long as the session lasts.

The agent's messages are the body of the request, the puller's that of the response. Each message is 5 bytes, its kind
(`t` text, `b` binary) and its length (big-endian), then itself. Why it is so: docs/design/transfer.md.
"""

import re
import struct
from collections.abc import Iterator
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
_LINE_BYTES_MAX: Final = 64
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?")


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
        self._head = bytearray()
        self._body = bytearray()
        self._filled = 0

    def feed(self, data: bytes | memoryview) -> list[str | bytes]:
        """The messages that are whole now; raises WireError where the stream is none, before it fills the memory."""
        messages: list[str | bytes] = []
        rest = memoryview(data)
        while rest:
            if len(self._head) < _HEAD.size:
                rest = self._begin(rest)
            taken = rest[: len(self._body) - self._filled]
            self._body[self._filled : self._filled + len(taken)] = taken
            self._filled += len(taken)
            rest = rest[len(taken) :]
            if len(self._head) == _HEAD.size and self._filled == len(self._body):
                messages.append(_text(bytes(self._body)) if self._head[:1] == b"t" else bytes(self._body))
                self._head = bytearray()
        return messages

    def _begin(self, rest: memoryview) -> memoryview:
        """What is left after the head of a message, as far as it is here."""
        missing = _HEAD.size - len(self._head)
        self._head += rest[:missing]
        if len(self._head) == _HEAD.size:
            kind, length = _HEAD.unpack(self._head)
            if length > _KINDS.get(kind, -1):
                raise WireError("transfer: a message of no known kind, or longer than any")
            self._body, self._filled = bytearray(length), 0
        return rest[missing:]


class Chunks:
    """Takes a chunked body (RFC 9112 §7.1) as it comes, gives what is in it."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._left = 0
        self.is_over = False

    def feed(self, data: bytes | memoryview) -> Iterator[memoryview]:
        """The bytes within, valid as long as `data`; raises WireError where that is no chunked body."""
        rest = memoryview(data)
        while rest and not self.is_over:
            if self._left:
                within, rest = rest[: self._left], rest[self._left :]
                self._left -= len(within)
                yield within
                continue
            end = bytes(rest[:_LINE_BYTES_MAX]).find(b"\n") + 1 or _LINE_BYTES_MAX
            self._line += rest[:end]
            rest = rest[end:]
            if self._line.endswith(b"\n"):
                self._begin(bytes(self._line).strip())
                self._line.clear()
            elif len(self._line) >= _LINE_BYTES_MAX:
                raise WireError("transfer: a line that begins no chunk")

    def _begin(self, line: bytes) -> None:
        if not line:  # the end of the chunk before
            return
        size = _SIZE.fullmatch(line)
        if size is None:
            raise WireError("transfer: a line that begins no chunk")
        self._left = int(size[1], 16)
        self.is_over = self._left == 0


def chunk(data: bytes) -> bytes:
    """One of them."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise WireError("transfer: a text message that is not UTF-8") from error
