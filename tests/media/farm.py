"""Many cheap cameras in one process: RTSP over TCP from encoded films, a thread for all of them.

`python -m tests.media.farm FILM [FILM …] [--seconds N]` prints its port and serves `rtsp://127.0.0.1:PORT/FILM/CAMERA`:
the index of a film, and a number that sets where in its film the camera is. A picture is made into packets once,
whoever asks for it.
"""

import argparse
import heapq
import itertools
import selectors
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tests.media.rtsp import CLOCK_HZ, PAYLOAD_TYPE, describe, packetise, read_film

REPOSITORY = Path(__file__).parents[2]
STEP = 7
"""Pictures by which one camera is ahead of the one before, so that their keyframes do not all come at once."""


class EndlessFilm:
    """A film that plays for ever; picture `number` looks the same to every camera."""

    def __init__(self, film: Path, seconds: float | None = None) -> None:
        self._codec, pictures, self.sets, loop_ticks = read_film(film)
        step = loop_ticks / len(pictures)
        count = len(pictures) if seconds is None else min(len(pictures), round(seconds * CLOCK_HZ / step))
        self._pictures = pictures[:count]
        self._payloads = [
            [made for unit in one.units for made in packetise(self._codec, unit)] for one in self._pictures
        ]
        self._first_packets = [0, *itertools.accumulate(len(payloads) for payloads in self._payloads)]
        self._loop_ticks = round(count * step)
        self.sdp = describe(self._codec, self.sets)
        self.frame_seconds = step / CLOCK_HZ
        self.packets = lru_cache(maxsize=4096)(self._packets)

    def _packets(self, number: int) -> bytes:
        loops, index = divmod(number, len(self._pictures))
        ticks = (self._pictures[index].ticks + loops * self._loop_ticks) & 0xFFFFFFFF
        sequence = loops * self._first_packets[-1] + self._first_packets[index]
        payloads, last = self._payloads[index], len(self._payloads[index]) - 1
        return b"".join(
            struct.pack(
                ">BBHBBHII",
                0x24,
                0,
                len(payload) + 12,
                0x80,
                PAYLOAD_TYPE | (0x80 if at == last else 0),
                (sequence + at) & 0xFFFF,
                ticks,
                0x5EED,
            )
            + payload
            for at, payload in enumerate(payloads)
        )


@dataclass
class _Camera:
    connection: socket.socket
    received: bytes = b""
    film: EndlessFilm | None = None
    number: int = 0
    began_seconds: float = 0.0
    sent_pictures: int = 0
    unsent: bytes = b""
    is_gone: bool = False

    def due_seconds(self) -> float:
        assert self.film is not None
        return self.began_seconds + self.sent_pictures * self.film.frame_seconds


class Farm:
    """Serves until its standard input ends."""

    def __init__(self, films: list[EndlessFilm]) -> None:
        self._films = films
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._listener.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._due: list[tuple[float, int, _Camera]] = []
        self._order = itertools.count()
        self.port: int = self._listener.getsockname()[1]
        self.stalls = 0

    def run(self) -> None:
        self._selector.register(sys.stdin.buffer, selectors.EVENT_READ, "quit")
        while True:
            wait = max(0.0, self._due[0][0] - time.monotonic()) if self._due else None
            for key, _events in self._selector.select(wait):
                if key.data == "quit":
                    return
                if key.data is None:
                    self._accept()
                else:
                    self._hear(key.data)
            now = time.monotonic()
            while self._due and self._due[0][0] <= now:
                self._send(heapq.heappop(self._due)[2])

    def _accept(self) -> None:
        connection, _peer = self._listener.accept()
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ, _Camera(connection))

    def _hear(self, camera: _Camera) -> None:
        try:
            data = camera.connection.recv(4096)
        except OSError:
            data = b""
        camera.received += data
        while b"\r\n\r\n" in camera.received:
            head, camera.received = camera.received.split(b"\r\n\r\n", 1)
            self._answer(camera, head.decode().split("\r\n"))
        if not data:
            camera.is_gone = True
            self._selector.unregister(camera.connection)
            camera.connection.close()

    def _answer(self, camera: _Camera, lines: list[str]) -> None:
        method, url, _version = lines[0].split(" ")
        sequence = next(line for line in lines if line.lower().startswith("cseq"))
        head, body = f"RTSP/1.0 200 OK\r\n{sequence}\r\nSession: 1;timeout=60\r\n", ""
        if method in {"DESCRIBE", "PLAY"}:
            film, number = (int(part) for part in url.rstrip("/").split("/")[3:5])
            camera.film, camera.number = self._films[film], number * STEP
        if method == "DESCRIBE":
            assert camera.film is not None
            body = camera.film.sdp
            head += f"Content-Base: {url}/\r\nContent-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
        elif method == "SETUP":
            head += "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
        camera.unsent += f"{head}\r\n{body}".encode()
        self._flush(camera)
        if method == "PLAY" and not camera.began_seconds:
            camera.began_seconds = time.monotonic()
            self._schedule(camera)

    def _schedule(self, camera: _Camera) -> None:
        heapq.heappush(self._due, (camera.due_seconds(), next(self._order), camera))

    def _send(self, camera: _Camera) -> None:
        if camera.is_gone:
            return
        assert camera.film is not None
        camera.unsent += camera.film.packets(camera.number + camera.sent_pictures)
        camera.sent_pictures += 1
        self._flush(camera)
        self._schedule(camera)

    def _flush(self, camera: _Camera) -> None:
        try:
            sent = camera.connection.send(camera.unsent)
        except BlockingIOError:
            self.stalls += 1
            return
        except OSError:
            camera.is_gone = True
            return
        camera.unsent = camera.unsent[sent:]


@contextmanager
def farm_process(films: list[Path], seconds: float | None = None) -> Iterator[str]:
    """A farm beside this process; yields `rtsp://127.0.0.1:PORT`."""
    command = [sys.executable, "-m", "tests.media.farm", *map(str, films)]
    if seconds is not None:
        command += ["--seconds", str(seconds)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"rtsp://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("films", nargs="+", type=Path)
    parser.add_argument("--seconds", type=float)
    arguments = parser.parse_args()
    farm = Farm([EndlessFilm(film, arguments.seconds) for film in arguments.films])
    print(farm.port, flush=True)
    farm.run()


if __name__ == "__main__":
    main()
