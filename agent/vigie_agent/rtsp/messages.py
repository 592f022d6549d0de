"""RTSP messages (RFC 2326 §4 to §7): requests that we send, answers and requests that come."""

from dataclasses import dataclass, field
from typing import Final

from vigie_agent.rtsp.errors import ProtocolError

HEAD_BYTES_MAX: Final = 16_384
BODY_BYTES_MAX: Final = 65_536
VERSION: Final = "RTSP/1.0"
_HEADERS_MAX: Final = 64
_END: Final = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Message:
    """An answer (`status` set) or a request of the server (`method` set)."""

    status: int
    method: str
    headers: dict[str, list[str]] = field(repr=False)
    body: bytes = field(default=b"", repr=False)

    def header(self, name: str) -> str:
        """The first header of that name, in lower case; empty where there is none."""
        return self.headers.get(name, [""])[0]

    @property
    def sequence(self) -> int | None:
        """Its CSeq."""
        text = self.header("cseq").split(" ")[0]
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def request(method: str, url: str, sequence: int, headers: dict[str, str]) -> bytes:
    """A request as it is sent."""
    lines = [f"{method} {url} {VERSION}", f"CSeq: {sequence}", "User-Agent: vigie"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


def answer(status: str, sequence: int) -> bytes:
    """An answer to a request of the server."""
    return f"{VERSION} {status}\r\nCSeq: {sequence}\r\n\r\n".encode()


def take_message(data: memoryview) -> tuple[Message, int] | None:
    """The message that `data` begins with and its length; None until it is whole. Raises ProtocolError."""
    start = bytes(data[: HEAD_BYTES_MAX + len(_END)])
    head_bytes = start.find(_END)
    if head_bytes < 0:
        if len(start) > HEAD_BYTES_MAX:
            raise ProtocolError("a head without end")
        return None
    first, *lines = start[:head_bytes].decode("latin-1").split("\r\n")
    headers = _headers(lines)
    body_at = head_bytes + len(_END)
    body_bytes = _content_length(headers)
    if len(data) < body_at + body_bytes:
        return None
    status, method = _first_line(first)
    return Message(status, method, headers, bytes(data[body_at : body_at + body_bytes])), body_at + body_bytes


def _first_line(line: str) -> tuple[int, str]:
    parts = line.split(" ", 2)
    if parts[0].startswith("RTSP/") and len(parts) >= 2 and parts[1].isascii() and parts[1].isdigit():
        return int(parts[1][:3]), ""
    if len(parts) == 3 and parts[2].startswith("RTSP/") and parts[0].replace("_", "").isalpha():
        return 0, parts[0].upper()
    raise ProtocolError("neither a packet nor a message")


def _headers(lines: list[str]) -> dict[str, list[str]]:
    if len(lines) > _HEADERS_MAX:
        raise ProtocolError("too many headers")
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers.setdefault(name.strip().lower(), []).append(value.strip())
    return headers


def _content_length(headers: dict[str, list[str]]) -> int:
    text = headers.get("content-length", ["0"])[0]
    if not (text.isascii() and text.isdigit()) or len(text) > 9 or int(text) > BODY_BYTES_MAX:
        raise ProtocolError("a body of no sane length")
    return int(text)
