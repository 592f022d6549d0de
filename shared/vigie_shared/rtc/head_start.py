"""DTLS begins with the first connectivity check that comes from the peer, a round trip before ICE is done.

aioice says that it is connected once a check of its own was answered. A check that has come already shows a way: it
carries the password of this very session. What shows that the way leads back as well is the DTLS handshake, which gets
no answer otherwise, so where it ends first, it settles what ICE had still to ask. Nothing but the handshake's few
datagrams leaves before. Ways through a relay must wait for ICE, which may find a better one.
"""

import asyncio
from typing import Any

from aioice import stun
from aioice.ice import CandidatePair, Connection, StunProtocol
from aiortc.rtcdtlstransport import RTCDtlsTransport


class HeadStart:
    """Stands in front of one ICE connection until its DTLS transport is connected."""

    def __init__(self, dtls: RTCDtlsTransport) -> None:
        self._dtls = dtls
        self._ice: Connection = dtls.transport._connection
        self._pair: CandidatePair | None = None
        self._heard = asyncio.Event()
        self._work: asyncio.Future[None] | None = None
        self._own: dict[str, Any] = {}
        replaced = (self._connect, self._check_incoming, self._sendto, self._recvfrom)
        for method in replaced:
            name = method.__name__.removeprefix("_")
            self._own[name] = getattr(self._ice, name)
            setattr(self._ice, name, method)
        dtls.on("statechange", self._on_dtls_state)

    @property
    def ways(self) -> list[CandidatePair]:
        """Where datagrams of the handshake leave."""
        if self._ice._closing:
            return []
        return list(self._ice._nominated.values()) or [pair for pair in (self._pair,) if pair is not None]

    # What aioice's connection does meanwhile.

    async def _connect(self) -> None:
        """Returns with the first check that came, and lets ICE go on; raises ConnectionError where there is no way."""
        work = self._work = asyncio.ensure_future(self._own["connect"]())
        heard = asyncio.ensure_future(self._heard.wait())
        try:
            await asyncio.wait((work, heard), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            work.cancel()
            raise
        finally:
            heard.cancel()
        if work.done():
            work.result()
        else:
            work.add_done_callback(self._on_worked)

    def _check_incoming(self, message: stun.Message, addr: tuple[str, int], protocol: StunProtocol) -> None:
        self._own["check_incoming"](message, addr, protocol)
        if self._pair is not None:
            return
        for pair in self._ice._check_list:
            is_relayed = "relay" in (pair.local_candidate.type, pair.remote_candidate.type)
            if pair.protocol is protocol and pair.remote_addr == addr and not is_relayed:
                self._pair = pair
                self._heard.set()

    async def _sendto(self, data: bytes, component: int) -> None:
        if self._ice._nominated or not self.ways:
            await self._own["sendto"](data, component)
            return
        for pair in self.ways:
            await pair.protocol.send_data(data, pair.remote_addr)

    async def _recvfrom(self) -> tuple[bytes, int]:
        if self._ice._nominated or not self.ways:
            received: tuple[bytes, int] = await self._own["recvfrom"]()
            return received
        result = await self._ice._queue.get()
        if result is None:
            raise ConnectionError("Connection lost while receiving data")
        return result

    # The end.

    def _on_worked(self, work: asyncio.Future[None]) -> None:
        """ICE found no way after all, whatever DTLS did: the transport hears it as any loss."""
        if not work.cancelled() and work.exception() is not None and not self._ice._closing:
            self._work = asyncio.ensure_future(self._ice.close())

    def _on_dtls_state(self) -> None:
        if self._dtls.state in ("connecting", "new"):
            return
        if self._dtls.state == "connected" and self._pair is not None and not self._ice._nominated:
            self._settle(self._pair)
        for name, own in self._own.items():
            setattr(self._ice, name, own)

    def _settle(self, pair: CandidatePair) -> None:
        """The peer answered over this way: as good as an answer to the check that is on its way there."""
        check = pair.task
        pair.nominated = True
        self._ice.check_state(pair, CandidatePair.State.SUCCEEDED)
        self._ice.check_complete(pair)
        if check is not None:
            check.cancel()
