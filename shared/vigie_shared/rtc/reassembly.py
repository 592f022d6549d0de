"""RTP packets back into frames, without I/O.

aiortc hands on a frame only when the next one begins (40 ms late at 25 frames a second), asks for a missing packet
once, and sees no gap before the first packet it got. Here a frame is whole at its marker, a missing packet is asked for
until `PATIENCE_SECONDS` have passed, and so are those that may have come before the first.
"""

from dataclasses import dataclass, field
from typing import Final

from vigie_shared.rtc.h264 import annex_b, opens_keyframe, opens_sequence

PATIENCE_SECONDS: Final = 1.0
"""For a missing packet; then the picture waits for the next keyframe."""
_KEYFRAME_PATIENCE_SECONDS: Final = 0.3
"""Where a keyframe is whole behind what is missing: showing it is better than waiting."""
_FIRST_PATIENCE_SECONDS: Final = 0.3
_REACH_BACK_PACKETS: Final = 16
_SPAN_PACKETS_MAX: Final = 4096
_ASK_AGAIN_SECONDS_MIN: Final = 0.03
_RTT_SECONDS_FIRST: Final = 0.1
_KEYFRAME_AGAIN_SECONDS: Final = 1.0
_OPENING_PAYLOADS: Final = 8


@dataclass(frozen=True, slots=True)
class ReceivedFrame:
    """One access unit as it came: payloads that can be sent on as they are."""

    payloads: list[bytes]
    timestamp: int
    is_keyframe: bool

    @property
    def data(self) -> bytes:
        """In Annex B; raises ValueError where the payloads are no H.264."""
        return annex_b(self.payloads)


@dataclass(slots=True)
class _Packet:
    timestamp: int
    ends_frame: bool
    payload: bytes


@dataclass(slots=True)
class _Gap:
    give_up_at: float
    missed_at: float
    asked_at: float = float("-inf")
    times: int = 0


@dataclass(slots=True)
class Reassembly:
    """One stream. `feed` packets; now and then take what is `missing`, and whether a keyframe is wanted."""

    rtt_seconds: float = _RTT_SECONDS_FIRST
    frames_lost: int = 0
    _packets: dict[int, _Packet] = field(default_factory=dict)
    _gaps: dict[int, _Gap] = field(default_factory=dict)
    _next: int = -1
    """Where the frame that comes next begins."""
    _scanned: int = -1
    """All packets from `_next` up to here are there, and none of them ends the frame."""
    _highest: int = -1
    _needs_keyframe: bool = True
    _torn: bool = False
    """Packets before `_next` were given up, so what follows them may lack its beginning."""
    _keyframe_lacks: bool = False
    """Frames came that nothing can be done with before the next keyframe."""
    _keyframe_asked_at: float | None = None

    def feed(
        self, sequence: int, timestamp: int, ends_frame: bool, payload: bytes, now_seconds: float
    ) -> list[ReceivedFrame]:
        """Take a packet; gives the frames that are whole now, in order."""
        number = self._place(sequence, payload, now_seconds)
        if number < self._next or number in self._packets:
            return []
        self._packets[number] = _Packet(timestamp, ends_frame, payload)
        self._close_gap(number, now_seconds)
        if self._needs_keyframe and number > self._next and opens_sequence(payload):
            self._skip_to(number)
            self._torn = False
        return self._whole_frames()

    def missing(self, now_seconds: float) -> list[int]:
        """The sequence numbers to ask for now."""
        self._give_up(now_seconds)
        again_seconds = max(_ASK_AGAIN_SECONDS_MIN, 1.5 * self.rtt_seconds)
        asked = []
        for number, gap in self._gaps.items():
            if now_seconds - gap.asked_at >= again_seconds:
                gap.asked_at = now_seconds
                gap.times += 1
                asked.append(number & 0xFFFF)
        return sorted(asked)

    def wants_keyframe(self, now_seconds: float) -> bool:
        """Whether to ask for a keyframe now: packets were lost for good, and it was not asked for lately."""
        if not self._keyframe_lacks:
            return False
        asked_at = self._keyframe_asked_at
        if asked_at is not None and now_seconds - asked_at < _KEYFRAME_AGAIN_SECONDS:
            return False
        self._keyframe_asked_at = now_seconds
        return True

    @property
    def waits(self) -> bool:
        """Whether `missing` and `wants_keyframe` are worth asking again soon."""
        return bool(self._gaps) or self._keyframe_lacks

    def _place(self, sequence: int, payload: bytes, now_seconds: float) -> int:
        """The packet's number, which never wraps; what it skips is missing from now on."""
        if self._highest < 0:
            number = sequence + (1 << 16)
            reach = 0 if opens_sequence(payload) else _REACH_BACK_PACKETS
            self._next = self._scanned = number - reach
            self._highest = number
            for before in range(self._next, number):
                self._gaps[before] = _Gap(now_seconds + _FIRST_PATIENCE_SECONDS, now_seconds)
            return number
        number = self._highest + ((sequence - self._highest + 0x8000) & 0xFFFF) - 0x8000
        if number - self._next > _SPAN_PACKETS_MAX:
            self._highest = number
            self._tear(number)
        for skipped in range(self._highest + 1, number):
            self._gaps[skipped] = _Gap(now_seconds + max(PATIENCE_SECONDS, 4 * self.rtt_seconds), now_seconds)
        self._highest = max(self._highest, number)
        return number

    def _close_gap(self, number: int, now_seconds: float) -> None:
        gap = self._gaps.pop(number, None)
        if gap is not None and gap.times == 1:
            self.rtt_seconds += 0.25 * (now_seconds - gap.asked_at - self.rtt_seconds)

    def _whole_frames(self) -> list[ReceivedFrame]:
        frames = []
        while (packet := self._packets.get(self._scanned)) is not None:
            changed = packet.timestamp != self._packets[self._next].timestamp
            if changed:
                frames += self._cut(self._scanned)
            self._scanned += 1
            if packet.ends_frame:
                frames += self._cut(self._scanned)
        return frames

    def _cut(self, end: int) -> list[ReceivedFrame]:
        """The frame from `_next` up to `end`, where it is of use."""
        packets = [self._packets.pop(number) for number in range(self._next, end)]
        self._next = end
        payloads = [packet.payload for packet in packets if packet.payload]
        if not payloads:
            return []
        is_keyframe = any(map(opens_keyframe, payloads[:_OPENING_PAYLOADS]))
        begins = not self._torn or opens_sequence(payloads[0])
        self._torn = False
        if self._needs_keyframe and not (is_keyframe and begins):
            self.frames_lost += 1
            self._keyframe_lacks = True
            return []
        self._needs_keyframe = self._keyframe_lacks = False
        self._keyframe_asked_at = None
        return [ReceivedFrame(payloads, packets[0].timestamp, is_keyframe)]

    def _give_up(self, now_seconds: float) -> None:
        hopeless = [number for number, gap in self._gaps.items() if gap.give_up_at <= now_seconds]
        if hopeless:
            self._tear(max(hopeless) + 1)
        old = [
            number for number, gap in self._gaps.items() if now_seconds - gap.missed_at >= _KEYFRAME_PATIENCE_SECONDS
        ]
        if old and (opening := self._whole_keyframe(min(old))) is not None:
            self._skip_to(opening)
            self._needs_keyframe, self._torn, self._keyframe_lacks = True, False, False

    def _whole_keyframe(self, after: int) -> int | None:
        """Where the newest keyframe begins that came whole after that packet."""
        openings = (number for number, packet in self._packets.items() if opens_sequence(packet.payload))
        return max((number for number in openings if number > after and self._is_whole(number)), default=None)

    def _is_whole(self, begin: int) -> bool:
        """Whether all packets of the frame that begins there have come."""
        timestamp, number = self._packets[begin].timestamp, begin
        while (packet := self._packets.get(number)) is not None and packet.timestamp == timestamp:
            if packet.ends_frame:
                return True
            number += 1
        return False

    def _tear(self, begin: int) -> None:
        """Go on after `begin`, where a keyframe is there already at that; what is before is lost."""
        openings = [number for number, packet in self._packets.items() if opens_sequence(packet.payload)]
        opening = min((number for number in openings if number >= begin), default=None)
        self._skip_to(begin if opening is None else opening)
        self._needs_keyframe = True
        self._torn = self._keyframe_lacks = opening is None

    def _skip_to(self, begin: int) -> None:
        for number in [number for number in self._packets if number < begin]:
            self.frames_lost += self._packets.pop(number).ends_frame
        for number in [number for number in self._gaps if number < begin]:
            del self._gaps[number]
        self._next = self._scanned = begin
