"""Heartbeats on the wire: whole at first, then only what changed since the last whole one (docs/design/link.md).

A payload is JSON of the whole heartbeat (agents up to 0.1), or one byte of kind and then

    W  zstd of JSON: a whole heartbeat, with its number
    D  JSON: [number of the whole one, seconds since it, changed fields, changed cameras by place]
    Z  the same, zstd

Every delta stands on a whole heartbeat, never on another delta: one that is lost costs nothing.
"""

import io
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import zstandard
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from vigie_shared.errors import WireError
from vigie_shared.heartbeats import CameraHealth, Heartbeat

WHOLE: Final = b"W"
DELTA: Final = b"D"
DELTA_ZSTD: Final = b"Z"
HEARTBEAT_BYTES_MAX: Final = 256 * 1024
NUMBER_MAX: Final = 65_536
_UNCHANGED: Final = frozenset({"agent_id", "epoch", "version", "at", "cameras"})
_LEVEL: Final = 12
_NOTHING_CHANGED: Final = b"{},{}]"
_DIGITS_MAX: Final = 9


class _Whole(BaseModel):
    """A whole heartbeat with its number."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    number: int
    beat: Heartbeat


_DELTA: Final[TypeAdapter[tuple[int, float, dict[str, Any], dict[int, dict[str, Any]]]]] = TypeAdapter(
    tuple[int, Annotated[float, Field(ge=0, le=1e9)], dict[str, Any], dict[int, dict[str, Any]]]
)


class HeartbeatWriter:
    """The agent's side."""

    def __init__(self) -> None:
        self._number = 0
        self._whole: Heartbeat | None = None

    def whole(self, beat: Heartbeat) -> bytes:
        """All of it; what follows stands on it."""
        self._number = (self._number + 1) % NUMBER_MAX
        self._whole = beat
        return WHOLE + _zstd(_Whole(number=self._number, beat=beat).model_dump_json(exclude_none=True).encode())

    def delta(self, beat: Heartbeat) -> bytes | None:
        """What changed since the last whole one; None where only a whole one will do."""
        whole = self._whole
        if whole is None or not _same_house(whole, beat):
            return None
        before, now = _plain(whole), _plain(beat)
        fields = {name: now.get(name) for name in before.keys() | now.keys() if before.get(name) != now.get(name)}
        cameras = {
            place: {name: value for name, value in new.items() if old.get(name) != value}
            for place, (old, new) in enumerate(zip(_cameras(whole), _cameras(beat), strict=True))
            if old != new
        }
        seconds = max(0, round((beat.at - whole.at).total_seconds()))
        told = [self._number, seconds, fields, cameras]
        packed = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
        smaller = _zstd(packed)
        return DELTA_ZSTD + smaller if len(smaller) < len(packed) else DELTA + packed


class HeartbeatReader:
    """The hub's side: keeps the last whole heartbeat of each agent that it is fed."""

    def __init__(self) -> None:
        self._whole: dict[str, _Whole] = {}
        self._said: dict[str, tuple[bytes, bytes]] = {}
        """What stands before and after the seconds in the delta that was fed last."""

    def again(self, agent_id: str, payload: bytes) -> datetime | None:
        """The time of a heartbeat that says what the one before said; None where it must be fed.

        Most of them are such: this costs a thirtieth of reading them.
        """
        if payload[:1] != DELTA:
            return None
        before, seconds, after = _parted(payload[1:])
        if self._said.get(agent_id) != (before, after) or not seconds.isdigit() or len(seconds) > _DIGITS_MAX:
            return None
        try:
            return self._whole[agent_id].beat.at + timedelta(seconds=int(seconds))
        except OverflowError:
            return None

    def feed(self, agent_id: str, payload: bytes) -> Heartbeat | None:
        """What `agent_id` says; None where it lives, but stands on a whole heartbeat that never came.

        Raises WireError where it is malformed, or claims to be someone else's.
        """
        try:
            beat = self._read(agent_id, payload)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in fault["loc"])
            raise WireError(f"heartbeat of {agent_id}: {where}: {fault['msg']}") from error
        except (ValueError, TypeError, KeyError, OverflowError, IndexError, zstandard.ZstdError) as error:
            raise WireError(f"heartbeat of {agent_id}: it cannot be read") from error
        if beat is not None and beat.agent_id != agent_id:
            raise WireError(f"heartbeat on the subject of {agent_id} claims to be of {beat.agent_id}")
        return beat

    def forget(self, agent_id: str) -> None:
        """Nothing more will come of this agent."""
        self._whole.pop(agent_id, None)
        self._said.pop(agent_id, None)

    def _read(self, agent_id: str, payload: bytes) -> Heartbeat | None:
        if len(payload) > HEARTBEAT_BYTES_MAX:
            raise WireError(f"heartbeat of {agent_id}: {len(payload)} bytes, the limit is {HEARTBEAT_BYTES_MAX}")
        self._said.pop(agent_id, None)
        kind, rest = payload[:1], payload[1:]
        if kind == b"{":
            return Heartbeat.model_validate_json(payload)
        if kind == WHOLE:
            whole = _Whole.model_validate_json(_unzstd(rest))
            if whole.beat.agent_id == agent_id:
                self._whole[agent_id] = whole
                self._said[agent_id] = (b"[%d" % whole.number, _NOTHING_CHANGED)
            return whole.beat
        if kind not in (DELTA, DELTA_ZSTD):
            raise ValueError("a kind that nobody knows")
        plain = rest if kind == DELTA else _unzstd(rest)
        number, seconds, fields, cameras = _DELTA.validate_json(plain)
        base = self._whole.get(agent_id)
        if base is None or base.number != number:
            return None
        beat = _applied(base.beat, seconds, fields, cameras)
        before, _seconds, after = _parted(plain)
        self._said[agent_id] = (before, after)
        return beat


def _parted(delta: bytes) -> tuple[bytes, bytes, bytes]:
    """What stands before the seconds, the seconds, and what stands after them."""
    before, _comma, rest = delta.partition(b",")
    seconds, _comma, after = rest.partition(b",")
    return before, seconds, after


def _applied(
    whole: Heartbeat, seconds: float, fields: Mapping[str, Any], cameras: Mapping[int, Mapping[str, Any]]
) -> Heartbeat:
    """What changed is validated; what did not was, when the whole one came, and is taken over as it is."""
    now = list(whole.cameras)
    for place, changed in cameras.items():
        now[place] = CameraHealth.model_validate({**now[place].model_dump(mode="json"), **changed})
    news = {name: value for name, value in fields.items() if name not in _UNCHANGED}
    return Heartbeat.model_validate(
        {**dict(whole), **news, "cameras": now, "at": whole.at + timedelta(seconds=seconds)}
    )


def _same_house(whole: Heartbeat, beat: Heartbeat) -> bool:
    return (whole.agent_id, whole.epoch, whole.version) == (beat.agent_id, beat.epoch, beat.version) and [
        camera.camera_id for camera in whole.cameras
    ] == [camera.camera_id for camera in beat.cameras]


def _plain(beat: Heartbeat) -> dict[str, Any]:
    return beat.model_dump(mode="json", exclude=set(_UNCHANGED))


def _cameras(beat: Heartbeat) -> list[dict[str, Any]]:
    return [camera.model_dump(mode="json") for camera in beat.cameras]


def _zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=_LEVEL, write_checksum=False).compress(data)


def _unzstd(data: bytes) -> bytes:
    """At most `HEARTBEAT_BYTES_MAX`, whatever the frame's header promises."""
    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)) as reader:
        plain: bytes = reader.read(HEARTBEAT_BYTES_MAX + 1)
    if len(plain) > HEARTBEAT_BYTES_MAX:
        raise ValueError("too large")
    return plain
