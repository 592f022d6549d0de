"""A small real camera: RTSP 1.0 over TCP (RFC 2326) with interleaved RTP and H.264 (RFC 6184), on loopback."""

import base64
import hashlib
import itertools
import re
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

import av
from av.bitstream import BitStreamFilterContext

from vigie_agent.capture import nal
from vigie_agent.capture.packets import Codec

CLOCK_HZ: Final = 90_000
PAYLOAD_TYPE: Final = 96
PAYLOAD_BYTES_MAX: Final = 1400
NONCE: Final = "5eed"
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
    digest: Literal["MD5", "SHA-256"] | None = None
    """Asks for a digest instead of the plain password."""
    moved: bool = False
    """Sends whoever asks for `/live` elsewhere."""
    loses_at: int | None = None
    """One packet of that picture never comes."""
    hangs_up_at: int | None = None
    babbles: bool = False
    """Answers with a head that has no end."""
    drips: bool = False
    """Answers byte by byte, and never to the end."""
    raves_at: int | None = None
    """Sends what is no RTSP."""
    refuses_tcp: bool = False
    aggregates: bool = False
    """Sends small units together."""
    clock_ahead_seconds: float | None = None
    """Sends reports of a clock that is ahead by so much."""


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

    def payloads(self, picture: AccessUnit) -> list[bytes]:
        """A picture as RTP payloads."""
        if self.faults.aggregates:
            return aggregated(self.codec, picture.units)
        return [payload for unit in picture.units for payload in packetise(self.codec, unit)]

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
        self._say(self._response(method, address, headers))
        return method

    def _response(self, method: str, address: str, headers: dict[str, str]) -> str:
        top = f"CSeq: {headers['cseq']}\r\n"
        faults = self._server.faults
        if not self._is_known(method, address, headers.get("authorization", "")):
            return f"RTSP/1.0 401 Unauthorized\r\n{top}WWW-Authenticate: {self._challenge()}\r\n\r\n"
        if faults.moved and address.endswith("/live"):
            return f"RTSP/1.0 302 Moved\r\n{top}Location: {address}/there\r\n\r\n"
        if faults.refuses_tcp and method == "SETUP":
            return f"RTSP/1.0 461 Unsupported Transport\r\n{top}\r\n"
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

    def _challenge(self) -> str:
        digest = self._server.faults.digest
        if digest is None:
            return 'Basic realm="camera"'
        return f'Digest realm="camera", nonce="{NONCE}", algorithm={digest}, qop="auth"'

    def _is_known(self, method: str, address: str, proof: str) -> bool:
        faults = self._server.faults
        if faults.password is None:
            return True
        if faults.digest is None:
            return proof == "Basic " + base64.b64encode(f"admin:{faults.password}".encode()).decode()
        given = dict(re.findall(r'(\w+)="?([^",]*)', proof))
        name = faults.digest.lower().replace("-", "")

        def hashed(*parts: str) -> str:
            return hashlib.new(name, ":".join(parts).encode(), usedforsecurity=False).hexdigest()

        secret, asked = hashed("admin", "camera", faults.password), hashed(method, address)
        return given.get("response") == hashed(
            secret, NONCE, given.get("nc", ""), given.get("cnonce", ""), "auth", asked
        )

    def _say(self, answer: str) -> None:
        faults = self._server.faults
        if faults.babbles:
            while True:
                self._connection.sendall(b"X-Endless: head\r\n" * 100)
        if faults.drips:
            for byte in itertools.cycle(answer.encode().replace(b"\r\n\r\n", b"\r\n")):
                self._connection.sendall(bytes([byte]))
                select.select([self._connection], [], [], 0.05)
        self._connection.sendall(answer.encode())

    def _is_interrupted(self, number: int) -> bool:
        faults = self._server.faults
        if number == faults.raves_at:
            self._connection.sendall(b"\x00" * 100 + b"this is no RTSP\r\n\r\n")
        if faults.clock_ahead_seconds is not None and number % 10 == 0:
            ticks = self._server.picture(number).ticks & 0xFFFFFFFF
            report = sender_report(time.time() + faults.clock_ahead_seconds, ticks)
            self._connection.sendall(b"$\x01" + struct.pack(">H", len(report)) + report)
        return number == faults.hangs_up_at

    def _stream(self) -> None:
        for number in itertools.count():
            if self._is_interrupted(number):
                return
            silent_from = self._server.faults.silent_from
            is_silent = silent_from is not None and number >= silent_from
            if not is_silent:
                picture = self._server.picture(number)
                packets = self._rtp(picture)
                if number == self._server.faults.loses_at:
                    del packets[len(packets) // 2]
                for packet in packets:
                    self._connection.sendall(b"$\x00" + struct.pack(">H", len(packet)) + packet)
            readable, _, _ = select.select([self._connection], [], [], max(0.0, self._server.wait_seconds(number)))
            if readable and self._answer() in {"", "TEARDOWN"}:
                return

    def _rtp(self, picture: AccessUnit) -> list[bytes]:
        payloads = self._server.payloads(picture)
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


def aggregated(codec: Codec, units: tuple[bytes, ...]) -> list[bytes]:
    """Units that fit go together (STAP-A, RFC 6184 §5.7.1; AP, RFC 7798 §4.4.2)."""
    small = [unit for unit in units if len(unit) < PAYLOAD_BYTES_MAX // 4]
    large = [unit for unit in units if unit not in small]
    header = b"\x78" if codec == "h264" else b"\x60\x01"
    together = [header + b"".join(struct.pack(">H", len(unit)) + unit for unit in small)] if small else []
    return together + [payload for unit in large for payload in packetise(codec, unit)]


def sender_report(unix_seconds: float, ticks: int) -> bytes:
    """RTCP (RFC 3550 §6.4.1), in a compound packet behind an empty receiver report."""
    seconds, fraction = divmod(unix_seconds + 2_208_988_800, 1)
    report = struct.pack(">BBHIIIIII", 0x80, 200, 6, 0x5EED, int(seconds), int(fraction * 2**32), ticks, 0, 0)
    return struct.pack(">BBHI", 0x80, 201, 1, 0x5EED) + report


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
