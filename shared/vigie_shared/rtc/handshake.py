"""A lost packet of the handshake is sent again after 100 ms: aioice waits 500 before it repeats a connectivity check,
and OpenSSL a second before it repeats a flight of DTLS. At 2 % loss every fifth connection pays for one of them.

What is repeated are the very datagrams that left. A peer that has them ignores them; one that lacks them cannot tell.
"""

import asyncio
from typing import Final

from aiortc.rtcdtlstransport import RTCDtlsTransport

_AGAIN_SECONDS: Final = (0.1, 0.2, 0.4, 0.8)
_APPLICATION_DATA: Final = 23
_DATAGRAMS_MAX: Final = 16
_APART_SECONDS: Final = 0.05
_WRITES_MAX: Final = 20


class Handshake:
    """Watches over the handshake of one connection, and is gone when media or data flow."""

    def __init__(self, dtls: RTCDtlsTransport) -> None:
        self._dtls = dtls
        self._transport = dtls.transport
        self._send_once, self._receive_once = self._transport._send, self._transport._recv
        self._flight: list[bytes] = []
        self._answered = True
        self._heard: set[bytes] = set()
        self._written_at = float("-inf")
        self._writes = 0
        self._timer: asyncio.TimerHandle | None = None
        setattr(self._transport, "_send", self._send)  # noqa: B010 - mypy knows methods, not that they are replaced
        setattr(self._transport, "_recv", self._receive)  # noqa: B010
        self._transport.on("statechange", self._on_ice_state)

    # ICE: checks that nobody answered yet.

    def _on_ice_state(self) -> None:
        if self._transport.state == "checking":
            self._check_again(0)
        elif self._transport.state in ("failed", "closed"):
            self._end()

    def _check_again(self, times: int) -> None:
        self._cancel()
        if self._transport.state != "checking" or times == len(_AGAIN_SECONDS):
            return
        if times:
            for protocol in self._transport._connection._protocols:
                for check in protocol.transactions.values():
                    protocol.send_stun(check._Transaction__request, check._Transaction__addr)  # type: ignore[attr-defined]
        self._timer = asyncio.get_running_loop().call_later(_AGAIN_SECONDS[times], self._check_again, times + 1)

    # DTLS: the flight that nobody answered yet.

    async def _send(self, data: bytes) -> None:
        if 19 < data[0] < 64:
            if self._answered:
                self._flight, self._answered = [], False
                self._fly_again(0)
            self._flight = [*self._flight[1 - _DATAGRAMS_MAX :], data]
        await self._send_once(data)

    async def _receive(self) -> bytes:
        data = await self._receive_once()
        flows = data[0] == _APPLICATION_DATA or data[0] > 127
        if flows and self._dtls.encrypted:
            self._end()
        elif flows or data in self._heard:
            self._write_flight()  # the peer repeats itself, or goes on: what it sent last, or what answers it, was lost
        elif 19 < data[0] < 64 and len(self._heard) < 4 * _DATAGRAMS_MAX:
            self._heard.add(data)
            self._answered = True
        return data

    def _fly_again(self, times: int) -> None:
        self._cancel()
        if self._answered or self._dtls.encrypted or times == len(_AGAIN_SECONDS):
            return
        if times:
            self._write_flight()
        self._timer = asyncio.get_running_loop().call_later(_AGAIN_SECONDS[times], self._fly_again, times + 1)

    def _write_flight(self) -> None:
        """Two peers that both repeat themselves must not egg each other on."""
        now = asyncio.get_running_loop().time()
        if now - self._written_at < _APART_SECONDS or self._writes == _WRITES_MAX:
            return
        self._written_at = now
        self._writes += 1
        for pair in self._transport._connection._nominated.values():
            for data in self._flight:
                pair.protocol.transport.sendto(data, pair.remote_addr)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        self._cancel()
        self._transport._send, self._transport._recv = self._send_once, self._receive_once
