"""A dead peer is noticed after 3 s; aioice 0.13 alone needs 30.

aioice asks for consent (RFC 7675) every 5 s and gives up after six unanswered questions, each of which it forgets after
500 ms, so that a link with a longer round trip is never confirmed. Here any datagram is a sign of life, questions are
asked only of a peer that is silent or long unconfirmed, and an answer counts however late.
"""

import asyncio
from enum import Enum
from time import monotonic
from typing import Final

from aioice import stun
from aioice.ice import Connection

_TICK_SECONDS: Final = 0.25


class Verdict(Enum):
    """What to do about a peer now."""

    FINE = "fine"
    ASK = "ask"
    DEAD = "dead"


class Liveness:
    """Judges a peer by when it was last heard, and last answered a question that only it can answer."""

    def __init__(
        self,
        now_seconds: float,
        *,
        silent_seconds: float = 1.25,
        dead_seconds: float = 2.75,
        confirm_seconds: float = 4.0,
        unconfirmed_seconds_max: float = 30.0,
    ) -> None:
        self._heard_at = self._confirmed_at = now_seconds
        self._silent_seconds = silent_seconds
        self._dead_seconds = dead_seconds
        self._confirm_seconds = confirm_seconds
        self._unconfirmed_seconds_max = unconfirmed_seconds_max

    def heard(self, now_seconds: float) -> None:
        """Something came; it may be anybody's, so this proves no consent."""
        self._heard_at = max(self._heard_at, now_seconds)

    def confirmed(self, now_seconds: float) -> None:
        """The peer answered."""
        self._heard_at = self._confirmed_at = now_seconds

    def judge(self, now_seconds: float) -> Verdict:
        """Call it at `look_again_at`, or more often."""
        silent = now_seconds - self._heard_at
        unconfirmed = now_seconds - self._confirmed_at
        if silent >= self._dead_seconds or unconfirmed >= self._unconfirmed_seconds_max:
            return Verdict.DEAD
        if silent >= self._silent_seconds or unconfirmed >= self._confirm_seconds:
            return Verdict.ASK
        return Verdict.FINE

    def look_again_at(self, now_seconds: float) -> float:
        """When the verdict may be another one."""
        fine_until = min(self._heard_at + self._silent_seconds, self._confirmed_at + self._confirm_seconds)
        return max(fine_until, now_seconds + _TICK_SECONDS)


class LifeWatch:
    """Watches one ICE connection in place of its own consent checks; closes it where the peer is dead."""

    def __init__(self, ice: Connection) -> None:
        self._ice = ice
        self._datagrams = ice._queue
        self._heard_at = 0.0
        self._check_incoming = ice.check_incoming
        self._questions: list[tuple[float, dict[bytes, stun.Transaction], bytes]] = []
        self._liveness: Liveness
        setattr(ice, "query_consent", self._run)  # noqa: B010 - mypy knows methods, not that they are replaced
        setattr(ice, "data_received", self._data_received)  # noqa: B010
        setattr(ice, "check_incoming", self._check_received)  # noqa: B010

    def _data_received(self, data: bytes, component: int) -> None:
        self._heard_at = monotonic()
        self._datagrams.put_nowait((data, component))

    def _check_received(self, message: stun.Message, addr: tuple[str, int], protocol: object) -> None:
        self._heard_at = monotonic()
        self._check_incoming(message, addr, protocol)  # type: ignore[arg-type]

    async def _run(self) -> None:
        now = monotonic()
        self._liveness = Liveness(now)
        while not self._ice._closing:  # `connect` begins this even where `close` came first
            await asyncio.sleep(self._liveness.look_again_at(now) - now)
            now = monotonic()
            self._liveness.heard(self._heard_at)
            match self._liveness.judge(now):
                case Verdict.ASK:
                    self._ask(now)
                case Verdict.DEAD:
                    self._ice._query_consent_task = None  # close() would wait for this very task
                    self._forget(float("inf"))
                    await self._ice.close()
                    return

    def _ask(self, now_seconds: float) -> None:
        self._forget(now_seconds - 5.0)
        assert self._ice.remote_password is not None
        key = self._ice.remote_password.encode()
        for pair in self._ice._nominated.values():
            request = self._ice.build_request(pair, nominate=False)
            request.add_message_integrity(key)
            transactions = pair.protocol.transactions
            transactions[request.transaction_id] = _Question(self, key)  # type: ignore[assignment]
            self._questions.append((now_seconds, transactions, request.transaction_id))
            pair.protocol.send_stun(request, pair.remote_addr)

    def _forget(self, before_seconds: float) -> None:
        while self._questions and self._questions[0][0] < before_seconds:
            _, transactions, transaction_id = self._questions.pop(0)
            transactions.pop(transaction_id, None)

    def confirm(self) -> None:
        """An answer came."""
        self._liveness.confirmed(monotonic())


class _Question:
    """Stands among aioice's transactions until it is answered or old."""

    def __init__(self, watch: LifeWatch, key: bytes) -> None:
        self._watch = watch
        self._key = key

    def response_received(self, message: stun.Message, addr: tuple[str, int]) -> None:
        """What aioice calls for a response with this transaction's number."""
        if message.message_class == stun.Class.RESPONSE and message.check_message_integrity(self._key):
            self._watch.confirm()
