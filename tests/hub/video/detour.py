"""A way over UDP that can go dead, or is narrow: whoever a session description names is reached through it alone."""

import asyncio
import re
import socket
from types import TracebackType
from typing import Self

from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.links.line import Conditions, Line
from vigie_shared import subjects
from vigie_shared.signaling import OFFER_REPLY, Answer, Offer

Address = tuple[str, int]
_CANDIDATE = re.compile(
    r"^a=candidate:\S+ 1 udp \d+ (\d+\.\d+\.\d+\.\d+) (\d+) typ host.*$", re.MULTILINE | re.IGNORECASE
)
_DATAGRAM_BYTES_MAX = 65_536


class Detour:
    """Carries datagrams both ways, for as many who come as there are; after `cut` none, without a word to anybody.

    With `conditions`, what whoever is named sends goes over such a line.
    """

    def __init__(self, conditions: Conditions | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._conditions = conditions
        self._timers: list[dict[Address, asyncio.TimerHandle]] = []
        self._sockets: list[socket.socket] = []
        self._cut: set[int] = set()

    def around(self, sdp: str) -> str:
        """The description with this way in place of all candidates; a new way each time."""
        found = _CANDIDATE.search(sdp)
        assert found is not None, "no candidate for UDP over IPv4"
        host, port = found[1], int(found[2])
        door = self._open(host)
        ways: dict[Address, socket.socket] = {}
        lines: dict[Address, Line | None] = {}
        timers: dict[Address, asyncio.TimerHandle] = {}
        self._timers.append(timers)

        def forth() -> None:
            data, sender = door.recvfrom(_DATAGRAM_BYTES_MAX)
            if door.fileno() in self._cut:
                return
            if sender not in ways:
                ways[sender] = self._open(host)
                lines[sender] = None if self._conditions is None else Line(self._conditions, seed=len(ways))
                self._loop.add_reader(ways[sender], lambda: back(ways[sender], sender))
            ways[sender].sendto(data, (host, port))

        def back(way: socket.socket, sender: Address) -> None:
            data = way.recv(_DATAGRAM_BYTES_MAX)
            if door.fileno() not in self._cut:
                hand(lines[sender], data, sender)

        def hand(line: Line | None, data: bytes, sender: Address) -> None:
            if line is None:
                door.sendto(data, sender)
                return
            line.feed(data, self._loop.time())
            pump(line, sender)

        def pump(line: Line, sender: Address) -> None:
            now_seconds = self._loop.time()
            for data in line.due(now_seconds):
                door.sendto(data, sender)
            at_seconds = line.next_at()
            if (timer := timers.pop(sender, None)) is not None:
                timer.cancel()
            if at_seconds is not None:
                timers[sender] = self._loop.call_at(max(at_seconds, now_seconds + 0.001), pump, line, sender)

        self._loop.add_reader(door, forth)
        named = f"a=candidate:1 1 udp 2130706431 {host} {door.getsockname()[1]} typ host"
        said = without_candidates(sdp).splitlines()
        return "".join(f"{line}\r\n" + f"{named}\r\n" * line.startswith("a=mid:") for line in said)

    def cut(self) -> None:
        """All ways there are now carry nothing any more."""
        self._cut |= {one.fileno() for one in self._sockets}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for timer in (timer for timers in self._timers for timer in timers.values()):
            timer.cancel()
        for one in self._sockets:
            self._loop.remove_reader(one)
            one.close()

    def _open(self, host: str) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sockets.append(made)
        made.setblocking(False)
        made.bind((host, 0))
        return made


class Wall(Detour):
    """A way that carries nothing at all while it is shut: nobody hears where the other one is."""

    is_shut = True

    def around(self, sdp: str) -> str:
        """The description without any way, or with one."""
        return without_candidates(sdp) if self.is_shut else super().around(sdp)


def without_candidates(sdp: str) -> str:
    """Whoever reads it waits until the other side comes."""
    kept = [line for line in sdp.splitlines() if not line.startswith(("a=candidate:", "a=end-of-candidates"))]
    return "".join(f"{line}\r\n" for line in kept)


async def reach_through(detour: Detour, client: Client, known_as: str, agent_id: str) -> None:
    """Let the hub know `agent_id` as `known_as`, and reach it through `detour`: NATS and stills go past it."""

    async def forward(message: Msg) -> None:
        offer = Offer.model_validate_json(message.data)
        hidden = offer.model_copy(update={"sdp": without_candidates(offer.sdp)})
        subject = subjects.signaling(agent_id, offer.session_id)
        reply = await client.request(subject, hidden.model_dump_json().encode(), timeout=30)
        answer = OFFER_REPLY.validate_json(reply.data)
        if isinstance(answer, Answer):
            answer = answer.model_copy(update={"sdp": detour.around(answer.sdp)})
        await message.respond(answer.model_dump_json().encode())

    async def forward_wish(message: Msg) -> None:
        await client.publish(subjects.still(agent_id), message.data, reply=message.reply)

    await client.subscribe(subjects.all_signaling(known_as), cb=forward)
    await client.subscribe(subjects.still(known_as), cb=forward_wish)
