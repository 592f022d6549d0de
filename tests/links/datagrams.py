"""Numbered datagrams to try a link with.

`receive PORT SECONDS` prints which came and when, `send ADDRESS PORT COUNT BYTES` when the first left.
"""

import json
import socket
import sys
import time
from typing import Final

HEADER_BYTES: Final = 28
BUFFER_BYTES: Final = 4_000_000


def receive(port: int, quiet_seconds: float) -> list[tuple[int, float]]:
    """Number and time of each, until none comes for that long."""
    came: list[tuple[int, float]] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        end.bind(("", port))
        end.settimeout(5.0)
        print("ready", flush=True)
        while True:
            try:
                datagram = end.recv(2048)
            except TimeoutError:
                return came
            came.append((int.from_bytes(datagram[:4], "big"), time.monotonic()))
            end.settimeout(quiet_seconds)


def send(address: str, port: int, count: int, datagram_bytes: int) -> float:
    """All at once, each so large on the link; when the first left."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        end.connect((address, port))
        began = time.monotonic()
        for number in range(count):
            end.send(number.to_bytes(4, "big").ljust(datagram_bytes - HEADER_BYTES, b"\0"))
        return began


if __name__ == "__main__":
    verb, *rest = sys.argv[1:]
    if verb == "receive":
        print(json.dumps(receive(int(rest[0]), float(rest[1]))))
    else:
        print(json.dumps(send(rest[0], *map(int, rest[1:]))))
