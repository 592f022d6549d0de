"""A congestion controller for aiortc's SCTP association, for one transport at a time: `install(transport)`.

aiortc halves its window at each loss, resends too much, waits a second for a lost tail and sends in bursts of four
(docs/design/congestion.md has the figures). Only the sender changes; the other side may be whatever speaks SCTP.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Final

from aiortc import RTCSctpTransport
from aiortc.rtcsctptransport import DataChunk, SackChunk
from aiortc.utils import uint32_gt, uint32_gte

from vigie_shared.rtc.congestion_losses import Sent
from vigie_shared.rtc.congestion_window import CongestionWindow

AROUND_CHUNK_BYTES: Final = 93
"""On the wire around a chunk's data: 16 of its header, 12 of SCTP, 37 of DTLS, 28 of UDP and IPv4."""
HANDSHAKE_RTO_SECONDS: Final = 0.5
"""For INIT and COOKIE ECHO, before a round trip is known; aiortc's 3 s is RFC 4960's, RFC 9260 says 1 s."""
_TSN_MASK: Final = 2**32 - 1


def install(transport: RTCSctpTransport) -> "Congestion":
    """Let `transport` send by this controller from now on; the one it has, where that was asked before."""
    installed = getattr(transport._transmit, "__self__", None)
    return installed if isinstance(installed, Congestion) else Congestion(transport)


class Congestion:
    """Stands between aiortc's queues and its packets; `window` says what it knows of the path."""

    def __init__(self, transport: RTCSctpTransport) -> None:
        self.window = CongestionWindow()
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._acked_number = -1
        self._acked_tsn = transport._last_sacked_tsn
        self._chunks: dict[int, DataChunk] = {}
        """What has left and has not arrived, by number."""
        self._repairs: deque[int] = deque()
        self._is_transmitting = False
        self._forward_at: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._ticks: set[asyncio.Task[None]] = set()
        transport._rto = min(transport._rto, HANDSHAKE_RTO_SECONDS)
        transport._t3_cancel()
        for method in (self._receive_sack_chunk, self._transmit, self._t3_cancel):
            setattr(transport, method.__name__, method)
        for chunk in transport._sent_queue:
            if not chunk._acked:
                self._leave(chunk, self._loop.time())
        self._arm(None)

    async def _receive_sack_chunk(self, chunk: SackChunk) -> None:
        """Replaces aiortc's: what arrived, what is lost, what may leave now."""
        transport = self._transport
        if uint32_gt(transport._last_sacked_tsn, chunk.cumulative_tsn):
            return
        if uint32_gte(chunk.cumulative_tsn, transport._local_tsn):
            return  # nobody can have got what was never sent
        now = self._loop.time()
        cumulative = self._number(chunk.cumulative_tsn)
        gaps = [(cumulative + first, cumulative + last) for first, last in chunk.gaps]
        for tsn in chunk.duplicates:
            self.window.losses.doubt(self._number(tsn))
        arrived, lost = self.window.acknowledge(cumulative, gaps, chunk.advertised_rwnd, now)
        self._acked_number, self._acked_tsn = cumulative, chunk.cumulative_tsn
        transport._last_sacked_tsn = chunk.cumulative_tsn
        for sent in arrived:
            self._chunks.pop(sent.number)._acked = True
        while transport._sent_queue and uint32_gte(chunk.cumulative_tsn, transport._sent_queue[0].tsn):
            transport._sent_queue.popleft()
        transport._rto = self.window.losses.round_trips.timeout_seconds
        self._lose(lost)
        transport._update_advanced_peer_ack_point()
        await transport._transmit()

    async def _transmit(self) -> None:
        """Replaces aiortc's: send what pace and window allow."""
        if self._is_transmitting:
            return
        self._is_transmitting = True
        wait: float | None = None
        try:
            await self._send_forward_tsn()
            while (wait := self.window.wait_seconds(self._loop.time())) == 0:
                chunk = await self._next_chunk()
                if chunk is None:
                    self.window.run_dry()
                    wait = None
                    break
                self._leave(chunk, self._loop.time())
                await self._transport._send_chunk(chunk)
        finally:
            self._is_transmitting = False
            self._arm(wait)

    def _t3_cancel(self) -> None:
        """Replaces aiortc's, which it calls when the association ends."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _next_chunk(self) -> DataChunk | None:
        """What was lost, then what is new; takes the next message where aiortc has cut none yet."""
        while self._repairs:
            number = self._repairs.popleft()
            if self.window.losses.is_lost(number):
                return self._chunks[number]
        transport = self._transport
        if not transport._outbound_queue and transport._data_channel_queue:
            await transport._data_channel_flush()
        if not transport._outbound_queue:
            return None
        chunk = transport._outbound_queue.popleft()
        transport._sent_queue.append(chunk)
        return chunk

    def _leave(self, chunk: DataChunk, now: float, *, is_probe: bool = False) -> None:
        number = self._number(chunk.tsn)
        self._chunks[number] = chunk
        chunk._sent_count += 1
        size = len(chunk.user_data) + AROUND_CHUNK_BYTES
        (self.window.probe if is_probe else self.window.send)(number, size, now)

    def _lose(self, lost: Iterable[Sent]) -> None:
        for sent in lost:
            chunk = self._chunks.get(sent.number)
            if chunk is None:
                continue
            if self._transport._maybe_abandon(chunk):
                self._forget_abandoned()
            else:
                self._repairs.append(sent.number)

    def _forget_abandoned(self) -> None:
        """A message with a limit on its repairs or its time was given up (RFC 3758 §3.5)."""
        for number in [number for number, chunk in self._chunks.items() if chunk._abandoned]:
            del self._chunks[number]
            self.window.losses.forget(number)

    async def _send_forward_tsn(self) -> None:
        transport = self._transport
        if transport._forward_tsn_chunk is not None:
            await transport._send_chunk(transport._forward_tsn_chunk)
            transport._forward_tsn_chunk = None
            self._forward_at = self._loop.time() + self.window.losses.round_trips.timeout_seconds

    def _arm(self, wait_seconds: float | None) -> None:
        """One timer for pace, losses and FORWARD TSN; one that comes early looks again."""
        moments = [self.window.next_at(), self._forward_at]
        if wait_seconds is not None:
            moments.append(self._loop.time() + wait_seconds)
        due = [at for at in moments if at is not None]
        if not due or self._transport.state == "closed":
            return
        if self._timer is not None:
            if self._timer_at <= min(due):
                return
            self._timer.cancel()
        self._timer_at = min(due)
        self._timer = self._loop.call_at(self._timer_at, self._begin_tick)

    def _begin_tick(self) -> None:
        self._timer = None
        tick = self._loop.create_task(self._tick())
        self._ticks.add(tick)
        tick.add_done_callback(self._ticks.discard)

    async def _tick(self) -> None:
        now = self._loop.time()
        expiry = self.window.expire(now)
        self._lose(expiry.lost)
        if expiry.is_timeout and self.window.losses.timeouts > 1:
            self._take_nothing_for_granted(now)
        is_overdue = self._forward_at is not None and self._forward_at <= now
        if is_overdue or expiry.lost:
            self._forward_at = None if is_overdue else self._forward_at
            self._transport._update_advanced_peer_ack_point()
        try:
            if expiry.wants_probe:
                await self._probe(now)
            await self._transmit()
        except ConnectionError:
            self._t3_cancel()  # DTLS has ended, and the association with it

    async def _probe(self, now: float) -> None:
        """RFC 8985 §7.3: something new if there is, else the last that left."""
        chunk: DataChunk | None = None
        if self._transport._outbound_queue:
            chunk = self._transport._outbound_queue.popleft()
            self._transport._sent_queue.append(chunk)
        elif self._chunks:
            chunk = self._chunks[next(reversed(self._chunks))]
        if chunk is not None:
            self._leave(chunk, now, is_probe=True)
            await self._transport._send_chunk(chunk)

    def _take_nothing_for_granted(self, now: float) -> None:
        """Where nothing helps, the other side may have dropped what it had named."""
        for chunk in self._transport._sent_queue:
            if chunk._acked and not chunk._abandoned:
                chunk._acked = False
                number = self._number(chunk.tsn)
                self._chunks[number] = chunk
                self.window.losses.reclaim(number, len(chunk.user_data) + AROUND_CHUNK_BYTES, now)
                self._repairs.append(number)

    def _number(self, tsn: int) -> int:
        ahead = (tsn - self._acked_tsn) & _TSN_MASK
        return self._acked_number + (ahead if ahead < 2**31 else ahead - 2**32)
