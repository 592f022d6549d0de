"""What a message costs on the wire, headers included: what the budget counts, and what an operator pays for."""

from typing import Final

SEGMENT_BYTES: Final = 1348
"""Payload of a TCP segment on a mobile link."""
TCP_IP_BYTES: Final = 52
"""IPv4 and TCP with timestamps (RFC 7323), for each segment."""
TLS_RECORD_BYTES: Final = 22
"""Header, content type and tag of TLS 1.3 (RFC 8446 §5.2); nats-py writes what is due at once as one record."""
TLS_RECORD_BYTES_MAX: Final = 16 * 1024
_PUB_BYTES: Final = len("PUB    \r\n\r\n")
CONNECT_BYTES: Final = 5000
"""A TLS handshake, INFO and CONNECT, both ways."""

CHUNK_BYTES: Final = 1200
"""User data in a packet of aiortc's SCTP."""
CHUNK_OVERHEAD_BYTES: Final = 20 + 8 + 37 + 12 + 16
"""IPv4, UDP, DTLS 1.2 with AES-GCM (RFC 5288), SCTP and its DATA chunk (RFC 9260 §3.3.1)."""


def publish_bytes(subject: str, payload_bytes: int, reply: str = "") -> int:
    """A message of nats-py over TLS."""
    record = _PUB_BYTES + len(subject) + len(reply) + len(str(payload_bytes)) + payload_bytes + TLS_RECORD_BYTES
    return record + TCP_IP_BYTES * -(-record // SEGMENT_BYTES)


def data_channel_bytes(message_bytes: int) -> int:
    """A message on a data channel."""
    return message_bytes + CHUNK_OVERHEAD_BYTES * -(-message_bytes // CHUNK_BYTES)


def tcp_bytes(message_bytes: int) -> int:
    """A message on the TCP road: HTTP's chunk and the road's own header, TLS, TCP."""
    stream = message_bytes + 16 + TLS_RECORD_BYTES * -(-message_bytes // TLS_RECORD_BYTES_MAX)
    return stream + TCP_IP_BYTES * -(-stream // SEGMENT_BYTES)
