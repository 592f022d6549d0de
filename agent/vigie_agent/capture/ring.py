"""The pre-roll ring: the last seconds of packets, in whole GOPs."""

from collections import deque
from itertools import chain

from vigie_agent.capture.packets import Packet


class _Gop:
    """A keyframe and what depends on it."""

    __slots__ = ("packets", "size_bytes")

    def __init__(self, keyframe: Packet) -> None:
        self.packets = [keyframe]
        self.size_bytes = len(keyframe.data)

    def append(self, packet: Packet) -> None:
        self.packets.append(packet)
        self.size_bytes += len(packet.data)

    @property
    def position_seconds(self) -> float:
        return self.packets[0].position_seconds


class GopRing:
    """Holds at least `seconds_max` of packets back from the newest, as long as they fit in `bytes_max`.

    A GOP is dropped whole, the oldest first. One that alone exceeds `bytes_max` is dropped too and counted in
    `dropped_bytes`: nothing after a lost packet could be decoded before the next keyframe.
    """

    def __init__(self, seconds_max: float, bytes_max: int) -> None:
        self._seconds_max = seconds_max
        self._bytes_max = bytes_max
        self._gops: deque[_Gop] = deque()
        self._size_bytes = 0
        self.dropped_bytes = 0

    @property
    def size_bytes(self) -> int:
        """Bytes of packets held."""
        return self._size_bytes

    def append(self, packet: Packet) -> None:
        """Add the newest packet; one that depends on a keyframe which is gone is ignored."""
        if packet.is_keyframe:
            self._gops.append(_Gop(packet))
        elif self._gops:
            self._gops[-1].append(packet)
        else:
            return
        self._size_bytes += len(packet.data)
        self._trim(packet.position_seconds)

    def since(self, position_seconds: float) -> list[Packet]:
        """Packets from the last keyframe at or before `position_seconds`, or from the oldest one there is."""
        first = 0
        for index, gop in enumerate(self._gops):
            if gop.position_seconds > position_seconds:
                break
            first = index
        return list(chain.from_iterable(gop.packets for gop in list(self._gops)[first:]))

    def newest_gop(self) -> list[Packet]:
        """The packets from the newest keyframe on."""
        return list(self._gops[-1].packets) if self._gops else []

    def clear(self) -> None:
        """Forget everything: what follows does not continue what is held."""
        self._gops.clear()
        self._size_bytes = 0

    def _trim(self, newest_seconds: float) -> None:
        while len(self._gops) > 1 and (
            self._gops[1].position_seconds <= newest_seconds - self._seconds_max or self._size_bytes > self._bytes_max
        ):
            self._size_bytes -= self._gops.popleft().size_bytes
        if self._size_bytes > self._bytes_max:
            self.dropped_bytes += self._size_bytes
            self.clear()
