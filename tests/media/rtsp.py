"""A small real camera: RTSP 1.0 over TCP (RFC 2326) with interleaved RTP and H.264 (RFC 6184), on loopback."""

import base64
import itertools
import select
import socket
import struct
import threading
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import av
from av.bitstream import BitStreamFilterContext

from vigie_agent.capture import nal
from vigie_agent.capture.packets import Codec

CLOCK_HZ: Final = 90_000
PAYLOAD_TYPE: Final = 96
PAYLOAD_BYTES_MAX: Final = 1400
_FU_A: Final = 28
_FU: Final = 49


@dataclass(frozen=True)
class AccessUnit:
    """One picture: its NAL units and its time in ticks of 90 kHz."""

    units: tuple[bytes, ...]
    ticks: int


@dataclass(frozen=True)
class Faults:
    """What this camera does wrong; numbers count pictures from 0 within one PLAY."""

    silent_from: int | None = None
    jump_back_at: int | None = None
    password: str | None = None


class RtspServer:
    """Plays a film over and over to whoever asks, `speed` times as fast as real time."""

    def __init__(self, film: Path, *, speed: float = 10.0, faults: Faults | None = None) -> None:
        self.codec, self._pictures, self._parameter_sets, self._loop_ticks = read_film(film)
        self._speed = speed
        self.faults = faults or Faults()
        self.port = 0
        self._listener: socket.socket | None = None
        self._threads: list[threading.Thread] = []
        self._connections: list[socket.socket] = []
        self._guard = threading.Lock()
        self.plays = 0

    @property
    def url(self) -> str:
        """Where it can be reached."""
        return f"rtsp://127.0.0.1:{self.port}/live"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen; on the same port as before."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        self._spawn("rtsp-accept", self._accept, self._listener)

    def stop(self) -> None:
        """Vanish: the listener and all connections are gone at once."""
        assert self._listener is not None
        self._listener.shutdown(socket.SHUT_RDWR)
        with self._guard:
            for connection in self._connections:
                _hang_up(connection)
        for thread in self._threads:
            thread.join(5)
        self._listener.close()
        self._threads.clear()
        self._connections.clear()

    def _spawn(self, name: str, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, name=name, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _peer = listener.accept()
            except OSError:
                return
            with self._guard:
                self._connections.append(connection)
                self._spawn("rtsp-serve", self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                _Conversation(self, connection).run()
            except OSError:
                return

    # What a conversation asks.

    def describe(self) -> str:
        """The stream in SDP (RFC 4566)."""
        return describe(self.codec, self._parameter_sets)

    def picture(self, number: int) -> AccessUnit:
        """The picture `number` of the endless film."""
        loops, index = divmod(number, len(self._pictures))
        picture = self._pictures[index]
        ticks = picture.ticks + loops * self._loop_ticks
        jump_back_at = self.faults.jump_back_at
        if jump_back_at is not None and number >= jump_back_at:
            ticks -= 3600 * CLOCK_HZ
        return AccessUnit(picture.units, ticks)

    def wait_seconds(self, number: int) -> float:
        """How long to wait before the picture after `number`."""
        return (self.picture(number + 1).ticks - self.picture(number).ticks) / CLOCK_HZ / self._speed


class _Conversation:
    """One client, from OPTIONS to TEARDOWN."""

    def __init__(self, server: RtspServer, connection: socket.socket) -> None:
        self._server = server
        self._connection = connection
        self._received = b""
        self._sequence = itertools.count()

    def run(self) -> None:
        while (method := self._answer()) not in {"", "TEARDOWN"}:
            if method == "PLAY":
                self._server.plays += 1
                self._stream()
                return

    def _answer(self) -> str:
        """Take one request and answer it; returns its method, empty when the client is gone."""
        while b"\r\n\r\n" not in self._received:
            data = self._connection.recv(4096)
            if not data:
                return ""
            self._received += data
        head, self._received = self._received.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        method, address, _version = lines[0].split(" ")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
        self._connection.sendall(self._response(method, address, headers).encode())
        return method

    def _response(self, method: str, address: str, headers: dict[str, str]) -> str:
        top = f"CSeq: {headers['cseq']}\r\n"
        password = self._server.faults.password
        wanted = None if password is None else "Basic " + base64.b64encode(f"admin:{password}".encode()).decode()
        if wanted not in {None, headers.get("authorization")}:
            return f'RTSP/1.0 401 Unauthorized\r\n{top}WWW-Authenticate: Basic realm="camera"\r\n\r\n'
        top = f"RTSP/1.0 200 OK\r\n{top}"
        if method == "OPTIONS":
            return f"{top}Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n\r\n"
        if method == "DESCRIBE":
            body = self._server.describe()
            return (
                f"{top}Content-Base: {address}/\r\nContent-Type: application/sdp\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}"
            )
        if method == "SETUP":
            return f"{top}Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n\r\n"
        return f"{top}Session: 1\r\n\r\n"

    def _stream(self) -> None:
        for number in itertools.count():
            silent_from = self._server.faults.silent_from
            is_silent = silent_from is not None and number >= silent_from
            if not is_silent:
                picture = self._server.picture(number)
                for packet in self._rtp(picture):
                    self._connection.sendall(b"$\x00" + struct.pack(">H", len(packet)) + packet)
            readable, _, _ = select.select([self._connection], [], [], max(0.0, self._server.wait_seconds(number)))
            if readable and self._answer() in {"", "TEARDOWN"}:
                return

    def _rtp(self, picture: AccessUnit) -> list[bytes]:
        payloads = [payload for unit in picture.units for payload in packetise(self._server.codec, unit)]
        return [
            struct.pack(
                ">BBHII",
                0x80,
                PAYLOAD_TYPE | (0x80 if index == len(payloads) - 1 else 0),
                next(self._sequence) & 0xFFFF,
                picture.ticks & 0xFFFFFFFF,
                0x5EED,
            )
            + payload
            for index, payload in enumerate(payloads)
        ]


def describe(codec: Codec, parameter_sets: list[bytes], clock_hz: int = CLOCK_HZ) -> str:
    """The stream in SDP (RFC 4566)."""
    texts = [base64.b64encode(unit).decode() for unit in parameter_sets]
    if codec == "h264":
        name, parameters = "H264", f"packetization-mode=1;sprop-parameter-sets={','.join(texts)}"
    else:
        name = "H265"
        parameters = ";".join(f"sprop-{kind}={text}" for kind, text in zip(("vps", "sps", "pps"), texts, strict=True))
    return (
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
        f"m=video 0 RTP/AVP {PAYLOAD_TYPE}\r\na=rtpmap:{PAYLOAD_TYPE} {name}/{clock_hz}\r\n"
        f"a=fmtp:{PAYLOAD_TYPE} {parameters}\r\na=control:track1\r\n"
    )


def packetise(codec: Codec, unit: bytes) -> list[bytes]:
    """A NAL unit as one RTP payload, or as fragments (RFC 6184 §5.8, RFC 7798 §4.4.3)."""
    if len(unit) <= PAYLOAD_BYTES_MAX:
        return [unit]
    if codec == "h264":
        header, kind, body = bytes([(unit[0] & 0xE0) | _FU_A]), unit[0] & 0x1F, unit[1:]
    else:
        header, kind, body = bytes([(unit[0] & 0x81) | _FU << 1, unit[1]]), (unit[0] >> 1) & 0x3F, unit[2:]
    parts = [body[start : start + PAYLOAD_BYTES_MAX] for start in range(0, len(body), PAYLOAD_BYTES_MAX)]
    return [
        header + bytes([kind | (0x80 if index == 0 else 0) | (0x40 if index == len(parts) - 1 else 0)]) + part
        for index, part in enumerate(parts)
    ]


def read_film(film: Path) -> tuple[Codec, list[AccessUnit], list[bytes], int]:
    """A film's codec, its pictures in decoding order, its parameter sets, and its length in ticks."""
    pictures: list[AccessUnit] = []
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        codec: Codec = "h264" if stream.codec_context.name == "h264" else "hevc"
        convert = BitStreamFilterContext(f"{codec}_mp4toannexb", stream)
        for packet in container.demux(stream):
            for made in convert.filter(packet) if packet.size else []:
                ticks = round(Fraction(made.pts or 0) * made.time_base * CLOCK_HZ)
                pictures.append(AccessUnit(tuple(nal.nal_units(bytes(made))), ticks))
    sets = nal.nal_units(nal.parameter_sets(codec, nal.annex_b(pictures[0].units)))
    shown = sorted(picture.ticks for picture in pictures)
    return codec, pictures, sets, shown[-1] + shown[1] - 2 * shown[0]


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # The client was faster.
