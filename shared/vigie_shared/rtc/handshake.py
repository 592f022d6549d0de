"""A lost packet of the handshake is repeated after 30 ms: aioice waits 500 before it repeats a connectivity check, and
OpenSSL a second before it repeats a flight of DTLS. At 2 % loss every fifth connection pays for one of them.

What is repeated are the very datagrams that left. A peer that has them ignores them; one that lacks them cannot tell.
The first repetition waits for no round trip: a kilobyte more costs less than finding out that one is missing.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from aiortc.rtcdtlstransport import RTCDtlsTransport

from vigie_shared.rtc.head_start import HeadStart

_AGAIN_SECONDS: Final = (0.03, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
_PATIENCE_ROUND_TRIPS: Final = 1.5
"""Before the second repetition, where the round trip is known and longer than is waited otherwise."""
_APPLICATION_DATA: Final = 23
_DATAGRAMS_MAX: Final = 16
_APART_SECONDS: Final = 0.05
_WRITES_MAX: Final = 32
_EARLY_MAX: Final = 256


class Handshake:
    """Watches over the handshake of one connection, and is gone when media or data flow."""

    def __init__(self, dtls: RTCDtlsTransport, head_start: HeadStart) -> None:
        self.round_trip_seconds: float | None = None
        """The shortest that it took the peer to answer a flight; None before one was answered."""
        self._dtls = dtls
        self._transport = dtls.transport
        self._head_start = head_start
        self._send_once, self._receive_once = self._transport._send, self._transport._recv
        self._flight: list[bytes] = []
        self._flown_at = self._written_at = float("-inf")
        self._answered = True
        self._heard: set[bytes] = set()
        self._early: deque[bytes] = deque(maxlen=_EARLY_MAX)
        self._writes = 0
        self._checks = _Repetition(self._write_checks, self._patience_seconds)
        self._flights = _Repetition(self._fly_again, self._patience_seconds)
        setattr(self._transport, "_send", self._send)  # noqa: B010 - mypy knows methods, not that they are replaced
        setattr(self._transport, "_recv", self._receive)  # noqa: B010
        self._transport.on("statechange", self._on_ice_state)

    def _patience_seconds(self) -> float:
        return _PATIENCE_ROUND_TRIPS * (self.round_trip_seconds or 0.0)

    # ICE: checks that nobody answered yet.

    def _on_ice_state(self) -> None:
        if self._transport.state == "checking":
            self._checks.begin()
        elif self._transport.state in ("failed", "closed"):
            self._end()

    def _write_checks(self) -> bool:
        ice = self._transport._connection
        if ice._nominated or ice._closing:
            return False
        for protocol in ice._protocols:
            for check in protocol.transactions.values():
                protocol.send_stun(check._Transaction__request, check._Transaction__addr)  # type: ignore[attr-defined]
        return True

    # DTLS: the flight that nobody answered yet.

    async def _send(self, data: bytes) -> None:
        if 19 < data[0] < 64:
            if self._answered:
                self._flight, self._answered = [], False
                self._flown_at = self._written_at = _now()
                self._flights.begin()
            self._flight = [*self._flight[1 - _DATAGRAMS_MAX :], data]
        await self._send_once(data)

    async def _receive(self) -> bytes:
        if self._early and self._dtls._rx_srtp is not None:
            return self._early.popleft()
        data = await self._receive_once()
        flows = data[0] == _APPLICATION_DATA or data[0] > 127
        if data[0] > 127 and self._dtls._rx_srtp is None:
            self._early.append(data)  # it overtook what makes it readable
        if flows and self._dtls.encrypted:
            self._end()
        elif flows or data in self._heard:
            self._write_flight()  # the peer repeats itself, or goes on: what it sent last, or what answers it, was lost
        elif 19 < data[0] < 64 and len(self._heard) < 4 * _DATAGRAMS_MAX:
            self._heard.add(data)
            self._time_answer()
        return data

    def _time_answer(self) -> None:
        if not self._answered:
            passed = _now() - self._flown_at
            self.round_trip_seconds = min(self.round_trip_seconds or passed, passed)
        self._answered = True

    def _fly_again(self) -> bool:
        """The very last flight is never answered: it is repeated once, and then when the peer repeats its own."""
        if self._answered:
            return False
        self._write_flight(is_in_time=True)
        return not self._dtls.encrypted

    def _write_flight(self, *, is_in_time: bool = False) -> None:
        """Two peers that both repeat themselves must not egg each other on."""
        now = _now()
        if self._writes == _WRITES_MAX or (now - self._written_at < _APART_SECONDS and not is_in_time):
            return
        self._written_at = now
        self._writes += 1
        for pair in self._head_start.ways:
            for data in self._flight:
                pair.protocol.transport.sendto(data, pair.remote_addr)

    def _end(self) -> None:
        self._checks.end()
        self._flights.end()
        self._transport._send, self._transport._recv = self._send_once, self._receive_once


class _Repetition:
    """Does something again and again, ever more rarely, until it says that there is nothing to do."""

    def __init__(self, again: Callable[[], bool], patience_seconds: Callable[[], float]) -> None:
        self._again = again
        self._patience_seconds = patience_seconds
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Anew, with the shortest wait."""
        self._wait(0)

    def end(self) -> None:
        """Nothing more is to be repeated."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self, times: int) -> None:
        self.end()
        if times == len(_AGAIN_SECONDS):
            return
        seconds = max(_AGAIN_SECONDS[times], self._patience_seconds() if times else 0.0)
        self._timer = asyncio.get_running_loop().call_later(seconds, self._repeat, times)

    def _repeat(self, times: int) -> None:
        self._timer = None
        if self._again():
            self._wait(times + 1)


def _now() -> float:
    return asyncio.get_running_loop().time()
