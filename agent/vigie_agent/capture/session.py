"""One opened source: PyAV underneath, Annex B packets and CaptureError above.

Errors are raised `from None`: the library's own text carries the URL with its password.
"""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Final, Protocol

import av
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer
from av.video.stream import VideoStream

from vigie_agent.camera_settings import Transport
from vigie_agent.capture import nal, reasons
from vigie_agent.capture.address import Address
from vigie_agent.capture.encoder import Encoder
from vigie_agent.capture.packets import Codec, RawPacket, StreamInfo
from vigie_shared.errors import CaptureError
from vigie_shared.i18n import gettext as _

PASSED_THROUGH: Final[dict[str, Codec]] = {"h264": "h264", "hevc": "hevc"}
_PROBE_MICROSECONDS: Final = 1_000_000


class _Normaliser(Protocol):
    """Makes Annex B access units, whose keyframes carry their parameter sets, of a container's packets."""

    def packets(self, packet: "av.Packet[VideoStream]") -> list[RawPacket]:
        """What `packet` becomes: one, none or several."""
        ...


class Session:
    """An open source; `close` frees it, also while an error travels."""

    def __init__(self, address: Address, timeout_seconds: float, transport: Transport = "tcp") -> None:
        """Open `address`; raises CaptureError."""
        self._address = address
        self._container = _open(address, timeout_seconds, transport)
        try:
            self._stream = _video_stream(self._container, address)
            self._normaliser = _normaliser(self._stream)
        except BaseException:
            self._container.close()
            raise
        self.info: StreamInfo | None = None
        """Known from the first keyframe on."""

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the connection and its memory."""
        self._container.close()

    def packets(self) -> Iterator[RawPacket]:
        """Packets from the first keyframe on, until the source ends; raises CaptureError."""
        try:
            for packet in self._container.demux(self._stream):
                if packet.size == 0:
                    continue
                for raw in self._normaliser.packets(packet):
                    if self.info is None and raw.is_keyframe:
                        self.info = self._describe(raw)
                    if self.info is not None:
                        yield raw
        except (av.FFmpegError, OSError) as error:
            raise _explain(self._address, error) from None
        if self.info is None:
            raise reasons.no_picture(self._address.shown)

    def _describe(self, keyframe: RawPacket) -> StreamInfo:
        context = self._stream.codec_context
        codec = PASSED_THROUGH.get(context.name, "h264")
        rate = self._stream.average_rate or self._stream.guessed_rate
        return StreamInfo(
            codec=codec,
            width_px=context.width & ~1 if context.name not in PASSED_THROUGH else context.width,
            height_px=context.height & ~1 if context.name not in PASSED_THROUGH else context.height,
            time_base=keyframe.time_base,
            extradata=nal.parameter_sets(codec, keyframe.data),
            frames_per_second=float(rate) if rate else 0.0,
        )


class _AnnexB:
    """H.264 and H.265 as RTSP cameras send them; parameter sets that came only once are repeated."""

    def __init__(self, stream: VideoStream) -> None:
        self._codec = PASSED_THROUGH[stream.codec_context.name]
        self._extradata = stream.codec_context.extradata or b""
        self._time_base = stream.time_base or Fraction(1, 90_000)

    def packets(self, packet: "av.Packet[VideoStream]") -> list[RawPacket]:
        """The packet, able to stand alone where it is a keyframe."""
        raw = raw_packet(packet, self._time_base)
        if raw.is_keyframe and not nal.parameter_sets(self._codec, raw.data):
            raw = replace(raw, data=self._extradata + raw.data)
        return [raw]


class _LengthPrefixed:
    """H.264 and H.265 as MP4 and Matroska hold them."""

    def __init__(self, stream: VideoStream) -> None:
        # It puts the parameter sets in front of each keyframe, also where the keyframe has them.
        self._filter = BitStreamFilterContext(f"{stream.codec_context.name}_mp4toannexb", stream)
        self._time_base = stream.time_base or Fraction(1, 90_000)

    def packets(self, packet: "av.Packet[VideoStream]") -> list[RawPacket]:
        """The packet in Annex B form."""
        made = [raw_packet(one, self._time_base) for one in self._filter.filter(packet)]
        return [replace(raw, data=nal.without_repeats(raw.data)) if raw.is_keyframe else raw for raw in made]


class _Encoded:
    """Anything else is decoded and encoded to H.264."""

    def __init__(self, stream: VideoStream) -> None:
        self._encoder = Encoder(stream)
        self._time_base = stream.time_base or Fraction(1, 90_000)

    def packets(self, packet: "av.Packet[VideoStream]") -> list[RawPacket]:
        """H.264 packets of the pictures in `packet`."""
        return [raw_packet(made, self._time_base) for made in self._encoder.encode(packet)]


def raw_packet(packet: "av.Packet[VideoStream]", time_base: Fraction) -> RawPacket:
    """Copy a library's packet."""
    return RawPacket(
        data=bytes(packet),
        pts=packet.pts,
        dts=packet.dts,
        duration=packet.duration or 0,
        time_base=packet.time_base or time_base,
        is_keyframe=packet.is_keyframe,
    )


def _open(address: Address, timeout_seconds: float, transport: Transport) -> InputContainer:
    if address.kind == "file" and not Path(address.url).is_file():
        raise CaptureError(
            _("{source}: there is no such file: check the path in the camera's source").format(source=address.url)
        )
    if address.kind == "usb" and not Path(address.url).exists():
        raise CaptureError(
            _("{source}: there is no such device: plug the camera in, or check the camera's source").format(
                source=address.url
            )
        )
    options = {"analyzeduration": str(_PROBE_MICROSECONDS)}
    if address.kind == "rtsp":
        options |= {"rtsp_transport": transport, "timeout": str(int(timeout_seconds * 1_000_000))}
    try:
        return av.open(address.url, "r", format="v4l2" if address.kind == "usb" else None, options=options)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise _explain(address, error) from None


def _video_stream(container: InputContainer, address: Address) -> VideoStream:
    if not container.streams.video:
        raise CaptureError(_("{source}: has no video: choose another stream").format(source=address.shown))
    return container.streams.video[0]


def _normaliser(stream: VideoStream) -> _Normaliser:
    if stream.codec_context.name not in PASSED_THROUGH:
        return _Encoded(stream)
    is_length_prefixed = (stream.codec_context.extradata or b"")[:1] == b"\x01"
    return _LengthPrefixed(stream) if is_length_prefixed else _AnnexB(stream)


def _explain(address: Address, error: Exception) -> CaptureError:
    source = address.shown
    if isinstance(error, ConnectionRefusedError):
        return reasons.connection_refused(source)
    if isinstance(error, av.error.HTTPUnauthorizedError):
        return reasons.login_refused(source)
    if isinstance(error, av.error.HTTPNotFoundError):
        return reasons.no_such_stream(source)
    if address.kind == "rtsp" and isinstance(error, TimeoutError | av.error.InvalidDataError | av.error.ExitError):
        return reasons.silent(source)
    if isinstance(error, PermissionError):
        return CaptureError(_("{source}: may not be read: let the agent's user read it").format(source=source))
    if address.kind == "file":
        return CaptureError(_("{source}: is not a video that can be read: check the file").format(source=source))
    return reasons.no_video(source, getattr(error, "strerror", None) or type(error).__name__)
