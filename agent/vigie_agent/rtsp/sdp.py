"""What a stream is, as DESCRIBE tells it (SDP, RFC 4566; fmtp of RFC 6184 §8 and RFC 7798 §7)."""

import base64
import binascii
from dataclasses import dataclass, field
from typing import Final

from vigie_agent.capture.packets import Codec
from vigie_agent.rtsp.errors import MissingStreamError, UnsupportedError

_CODECS: Final[dict[str, Codec]] = {"H264": "h264", "H265": "hevc", "HEVC": "hevc"}
_SETS: Final = ("sprop-parameter-sets", "sprop-vps", "sprop-sps", "sprop-pps")
_SETS_MAX: Final = 32
CLOCK_HZ_MAX: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class VideoTrack:
    """The video that is asked for."""

    codec: Codec
    payload_type: int
    clock_hz: int
    control: str
    parameter_sets: tuple[bytes, ...] = ()
    frames_per_second: float = 0.0


@dataclass(slots=True)
class _Media:
    kind: str
    protocol: str
    payload_types: list[str]
    control: str = ""
    encodings: dict[str, str] = field(default_factory=dict)
    formats: dict[str, str] = field(default_factory=dict)
    frames_per_second: float = 0.0


@dataclass(frozen=True, slots=True)
class Description:
    """A session: its own control URL, and its video."""

    control: str
    video: VideoTrack


def parse_sdp(text: str) -> Description:
    """Find the first H.264 or H.265 track.

    Raises MissingStreamError where there is no video, UnsupportedError where it is of another kind.
    """
    control, medias = _medias(text)
    videos = [media for media in medias if media.kind == "video"]
    if not videos:
        raise MissingStreamError("no video")
    for media in videos:
        for payload_type in media.payload_types:
            track = _track(media, payload_type)
            if track is not None:
                return Description(control, track)
    offered = {encoding for media in videos for encoding in media.encodings.values()}
    raise UnsupportedError(", ".join(sorted(offered))[:80] or "video without a name")


def _medias(text: str) -> tuple[str, list[_Media]]:
    control, medias = "", list[_Media]()
    for line in text.replace("\r", "\n").split("\n"):
        kind, _equals, value = line.partition("=")
        if kind == "m":
            parts = value.split()
            medias.append(_Media(parts[0] if parts else "", "".join(parts[2:3]), parts[3:]))
        elif kind == "a":
            name, _colon, rest = value.partition(":")
            if medias:
                _attribute(medias[-1], name, rest.strip())
            elif name == "control":
                control = rest.strip()
    return control, medias


def _attribute(media: _Media, name: str, value: str) -> None:
    payload_type, _space, rest = value.partition(" ")
    if name == "control":
        media.control = value
    elif name == "rtpmap":
        media.encodings[payload_type] = rest.strip().upper()
    elif name == "fmtp":
        media.formats[payload_type] = rest
    elif name == "framerate":
        media.frames_per_second = _rate(value)


def _track(media: _Media, payload_type: str) -> VideoTrack | None:
    name, _slash, rate = media.encodings.get(payload_type, "").partition("/")
    codec = _CODECS.get(name)
    hz = rate.split("/")[0]
    if codec is None or media.protocol not in {"RTP/AVP", "RTP/AVPF", "RTP/AVP/TCP"}:
        return None
    if not (hz.isascii() and hz.isdigit() and len(hz) < 8 and 0 < int(hz) <= CLOCK_HZ_MAX and _is_number(payload_type)):
        return None
    parameters = _parameters(media.formats.get(payload_type, ""))
    if parameters.get("packetization-mode") == "2" or parameters.get("sprop-max-don-diff", "0") != "0":
        return None  # Interleaved units, which no camera sends.
    return VideoTrack(
        codec=codec,
        payload_type=int(payload_type),
        clock_hz=int(hz),
        control=media.control,
        parameter_sets=_parameter_sets(parameters),
        frames_per_second=media.frames_per_second,
    )


def _is_number(payload_type: str) -> bool:
    return payload_type.isascii() and payload_type.isdigit() and len(payload_type) < 4 and int(payload_type) < 128


def _parameters(fmtp: str) -> dict[str, str]:
    parts = (part.partition("=") for part in fmtp.split(";"))
    return {name.strip().lower(): value.strip() for name, _equals, value in parts}


def _parameter_sets(parameters: dict[str, str]) -> tuple[bytes, ...]:
    units = []
    for name in _SETS:
        for text in parameters.get(name, "").split(",")[:_SETS_MAX]:
            try:
                unit = base64.b64decode(text + "=" * (-len(text) % 4))
            except (binascii.Error, ValueError):
                continue
            unit = unit.removeprefix(b"\x00\x00\x00\x01")  # Some cameras leave the start code in.
            if len(unit) > 2:
                units.append(unit.rstrip(b"\x00"))
    return tuple(dict.fromkeys(units))


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        return 0.0
    return rate if 0.0 < rate <= 1000.0 else 0.0
