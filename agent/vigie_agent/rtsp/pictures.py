"""RTP packets become coded pictures: H.264 (RFC 6184) and H.265 (RFC 7798), Annex B.

A picture ends at the marker or where the timestamp changes. One that lost a packet is dropped with all that
follow, up to the next keyframe: they could not be decoded rightly, and a clip must not hold them.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from vigie_agent.capture import nal
from vigie_agent.capture.packets import Codec
from vigie_agent.rtsp.units import H264, HEVC, UnitKinds

PICTURE_BYTES_MAX: Final = 16 * 1024**2
PICTURE_PARTS_MAX: Final = 32_768
_START: Final = nal.START_CODE
_HEADER: Final = struct.Struct(">BBHIIBBB")
_RTP_BYTES: Final = 12
_FRAME: Final = struct.Struct(">HHHHIIBBB")
"""An interleaved packet as `run` reads it: `$` and channel, size, two bytes and two of sequence, and so on."""
_FRAME_BYTES: Final = 4
_KINDS: Final[dict[Codec, UnitKinds]] = {"h264": H264, "hevc": HEVC}


@dataclass(frozen=True, slots=True)
class Picture:
    """One coded picture in Annex B; a keyframe carries its parameter sets."""

    data: bytes
    ticks: int
    """The RTP timestamp, counted on beyond 32 bits: the time when it is shown."""
    is_keyframe: bool


@dataclass(slots=True)
class Losses:
    """What did not arrive whole, since the beginning."""

    packets: int = 0
    pictures: int = 0
    malformed: int = 0


@dataclass(slots=True)
class _Assembly:
    """The picture that is being put together."""

    parts: list[bytes | memoryview] = field(default_factory=list)
    size_bytes: int = 0
    has_slice: bool = False
    has_random_access: bool = False
    has_sets: bool = False
    is_damaged: bool = False


class Depacketiser:
    """Takes RTP packets in order; `take` gives the pictures that are whole."""

    def __init__(self, codec: Codec, payload_type: int, parameter_sets: Iterable[bytes] = ()) -> None:
        self._codec = codec
        self._kinds = _KINDS[codec]
        self._payload_type = payload_type
        self._sets = {self._kinds.type_of(unit[0]): unit for unit in parameter_sets}
        self._made: list[Picture] = []
        self._picture = _Assembly()
        self._ticks = 0
        self._extended_ticks: int | None = None
        self._sequence: int | None = None
        self._source: int | None = None
        self._is_open_fragment = False
        self._fragment_unit = 0
        self._awaits_keyframe, self._has_begun = True, False
        self._trusts_marker = True
        self._marked_ticks: int | None = None
        self.packets = 0
        self.losses = Losses()

    def take(self) -> list[Picture]:
        """Pictures completed since the last call; what is unfinished no longer refers to the caller's buffer."""
        picture = self._picture
        if picture.parts:
            picture.parts = [b"".join(picture.parts)]
        made, self._made = self._made, []
        return made

    def feed(self, data: memoryview, start: int, end: int, *, is_padded: bool = False) -> None:
        """One RTP packet: `data[start:end]`; `is_padded` where more bytes follow that may be read."""
        if end - start < _HEADER.size and not is_padded:
            self._feed_short(bytes(data[start:end]))
            return
        first, kind, sequence, ticks, source, unit, second, third = _HEADER.unpack_from(data, start)
        if kind & 0x7F != self._payload_type:
            return
        if first != 0x80:
            self._feed_unusual(data, start, end)
            return
        self.packets += 1
        is_next = sequence == self._sequence and source == self._source
        if not is_next:
            is_next = self._follow(sequence, source)
        self._sequence = (sequence + 1) & 0xFFFF
        if ticks != self._ticks or self._extended_ticks is None:
            self._turn(ticks, after_gap=not is_next)
        self._payload(data, start + _RTP_BYTES, end, unit, second, third)
        if kind & 0x80 and self._trusts_marker and self._picture.has_slice:
            self._finish()
            self._marked_ticks = ticks

    def run(self, data: memoryview, at: int, end: int, channel: int) -> int:
        """Take interleaved packets from `data[at]` on while they are the middle of one fragmented unit.

        Most packets are. Returns where the first other one begins, which `feed` takes.
        """
        if not self._is_open_fragment:
            return at
        picture, append, unpack = self._picture, self._picture.parts.append, _FRAME.unpack_from
        mark, plain, source = 0x2400 | channel, 0x8000 | self._payload_type, self._source
        sequence, ticks, long = self._sequence, self._ticks, self._kinds.header_bytes == 2
        body_at = _FRAME_BYTES + _RTP_BYTES + self._kinds.header_bytes + 1
        room = min(PICTURE_PARTS_MAX - len(picture.parts), (PICTURE_BYTES_MAX - picture.size_bytes) >> 16)
        while room > 0 and at + _FRAME.size <= end:
            head, size, kind, number, time, sender, unit, second, third = unpack(data, at)
            after = at + _FRAME_BYTES + size
            if (
                number != sequence
                or time != ticks
                or kind != plain
                or head != mark
                or sender != source
                or unit != self._fragment_unit
                or (third if long else second) & 0xC0
                or after > end
                or after < at + body_at
            ):
                break
            append(data[at + body_at : after])
            picture.size_bytes += after - at - body_at
            sequence = (number + 1) & 0xFFFF
            self.packets += 1
            room -= 1
            at = after
        self._sequence = sequence
        return at

    # Unusual packets: repacked as plain ones.

    def _feed_short(self, packet: bytes) -> None:
        """A packet that is shorter than the fixed part that `feed` reads."""
        if len(packet) <= _RTP_BYTES or packet[0] >> 6 != 2:
            self.losses.malformed += 1
        else:
            self.feed(memoryview(packet + bytes(_HEADER.size)), 0, len(packet), is_padded=True)

    def _feed_unusual(self, data: memoryview, start: int, end: int) -> None:
        """Contributing sources, a header extension, padding (RFC 3550 §5.1)."""
        first = data[start]
        body = start + _RTP_BYTES + 4 * (first & 0x0F)
        if first & 0x10 and body + 4 <= end:
            body += 4 + 4 * int.from_bytes(data[body + 2 : body + 4], "big")
        if first & 0x20:
            end -= data[end - 1]
        if first >> 6 != 2 or body >= end:
            self.losses.malformed += 1
            return
        plain = b"\x80" + bytes(data[start + 1 : start + _RTP_BYTES]) + bytes(data[body:end])
        self.feed(memoryview(plain + bytes(_HEADER.size)), 0, len(plain), is_padded=True)

    # Sequence and time.

    def _follow(self, sequence: int, source: int) -> bool:
        """The packet is not the next one; returns whether it is the first."""
        is_first = self._sequence is None
        if self._sequence is not None:
            gap = (sequence - self._sequence) & 0xFFFF if source == self._source else 0
            self.losses.packets += gap if 0 < gap < 0x8000 else 1
            self._damage()
        self._source = source
        return is_first

    def _damage(self) -> None:
        self._picture.is_damaged = True
        self._is_open_fragment = False

    def _turn(self, ticks: int, *, after_gap: bool) -> None:
        """A new timestamp: the picture before it is whole."""
        if self._picture.has_slice or self._picture.is_damaged:
            self._finish()
        self._picture.is_damaged |= after_gap  # Its beginning may be lost; `_note` knows better.
        if self._extended_ticks is None:
            self._extended_ticks = ticks
        else:
            self._extended_ticks += (ticks - self._ticks + 0x8000_0000) % 0x1_0000_0000 - 0x8000_0000
        self._ticks = ticks

    # Payloads.

    def _payload(self, data: memoryview, start: int, end: int, unit: int, second: int, third: int) -> None:
        kinds = self._kinds
        kind = kinds.type_of(unit)
        if kind == kinds.fragment:
            fragment = third if kinds.header_bytes == 2 else second
            body = start + kinds.header_bytes + 1
            if fragment & 0x80:
                self._fragment_unit = unit
                self._begin_fragmented(kinds.whole_header(unit, second, fragment), third)
            elif not self._is_open_fragment:
                self._damage()
                return
            self._append(data[body:end])
            if fragment & 0x40:
                self._is_open_fragment = False
        elif kind == kinds.aggregate:
            self._aggregate(data, start + kinds.header_bytes, end)
        elif kind in kinds.single:
            self._unit(data[start:end])
        else:
            self.losses.malformed += 1

    def _begin_fragmented(self, header: bytes, following: int) -> None:
        if self._is_open_fragment:
            self._damage()
        self._is_open_fragment = True
        self._note(self._kinds.type_of(header[0]), following)
        self._append(_START + header)

    def _aggregate(self, data: memoryview, at: int, end: int) -> None:
        while at + 2 < end:
            size = (data[at] << 8) | data[at + 1]
            if size == 0 or at + 2 + size > end:
                self.losses.malformed += 1
                self._damage()
                return
            self._unit(data[at + 2 : at + 2 + size])
            at += 2 + size

    def _unit(self, unit: memoryview) -> None:
        if self._is_open_fragment:
            self._damage()
        kind = self._kinds.type_of(unit[0])
        self._note(kind, unit[1] if len(unit) > 1 else 0)
        if kind in self._kinds.sets:
            self._sets[kind] = bytes(unit)
        self._append(_START)
        self._append(unit)

    def _note(self, kind: int, following: int) -> None:
        """A unit begins; `following` is the byte behind the first one of an H.264 unit."""
        picture, kinds = self._picture, self._kinds
        if kind in kinds.slices:
            if self._marked_ticks == self._ticks and not picture.has_slice:
                self._trusts_marker = False  # This camera marks each slice, not each picture.
            picture.has_slice = True
            if kind in kinds.random_access or (picture.has_sets and kinds.is_intra_slice(kind, following)):
                picture.has_random_access = True
        elif kind in kinds.openers:
            picture.is_damaged &= bool(picture.parts)
            picture.has_sets |= kind in kinds.sets

    def _append(self, part: bytes | memoryview) -> None:
        picture = self._picture
        picture.size_bytes += len(part)
        if picture.size_bytes > PICTURE_BYTES_MAX or len(picture.parts) > PICTURE_PARTS_MAX:
            self.losses.malformed += 1
            picture.parts.clear()
            self._damage()
            return
        picture.parts.append(part)

    # Whole pictures.

    def _finish(self) -> None:
        picture, self._picture = self._picture, _Assembly()
        self._marked_ticks = None
        if self._is_open_fragment:
            picture.is_damaged, self._is_open_fragment = True, False
        is_keyframe = picture.has_random_access and not picture.is_damaged
        if picture.is_damaged or (self._awaits_keyframe and not is_keyframe):
            self.losses.pictures += picture.has_slice and self._has_begun
            self._awaits_keyframe = True
            return
        self._awaits_keyframe, self._has_begun = False, True
        data = b"".join(picture.parts)
        if is_keyframe:
            data = self._with_sets(data, has_sets=picture.has_sets)
        self._made.append(Picture(data, self._extended_ticks or 0, is_keyframe))

    def _with_sets(self, keyframe: bytes, *, has_sets: bool) -> bytes:
        if not has_sets:
            return nal.annex_b(self._sets[kind] for kind in sorted(self._sets)) + keyframe
        for unit in nal.nal_units(nal.parameter_sets(self._codec, keyframe)):
            self._sets[self._kinds.type_of(unit[0])] = unit
        return keyframe
