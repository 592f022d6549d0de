"""Which setting of a camera to change, to what, and what that gains."""

from dataclasses import dataclass
from typing import Final

from vigie_agent.camera_settings import CameraSettings, MotionSettings
from vigie_agent.doctor.findings import Findings
from vigie_shared.i18n import gettext as _

GOP_SECONDS_MAX: Final = 2.1
"""A longer GOP hides what passes between two keyframes."""
GOP_SECONDS_BEST: Final = 1.0
CLOCK_OFFSET_SECONDS_MAX: Final = 1.0
SUB_STREAM_FROM_PX: Final = 1280
"""Streams that are narrower are small enough to be watched themselves."""


@dataclass(frozen=True, slots=True)
class Advice:
    """One change."""

    setting: str
    now: str
    better: str
    gain: str


def advise(camera: CameraSettings, motion: MotionSettings, main: Findings, sub: Findings | None) -> list[Advice]:
    """What to change at `camera`, the most useful first; `sub` is its smaller stream where it has one."""
    watched = sub if sub is not None and camera.sub_source else main
    advices = [
        _gop(watched, motion),
        _smart_codec(watched),
        _rate_control(watched),
        _sub_stream(camera, main, sub),
        _b_frames(main),
        _codec(camera, main),
        _losses(main),
        _clock(main),
    ]
    return [advice for advice in advices if advice is not None]


def _gop(watched: Findings, motion: MotionSettings) -> Advice | None:
    if watched.gop_seconds is None:
        now, frames = _("none in {seconds:.0f} s").format(seconds=watched.seconds), ""
    elif watched.gop_seconds <= GOP_SECONDS_MAX:
        return None
    else:
        now, frames = str(watched.gop_frames), _(", {seconds:.1f} s").format(seconds=watched.gop_seconds)
    if watched.gop_seconds is None or watched.gop_seconds > motion.keyframe_seconds_max:
        gain = _("motion is then judged on keyframes instead of on every picture: a twentieth of the processor time")
    else:
        gain = _("motion is noticed within {best:.0f} s instead of {now:.1f} s").format(
            best=GOP_SECONDS_BEST, now=watched.gop_seconds
        )
    best = max(1, round(watched.frames_per_second * GOP_SECONDS_BEST))
    return Advice(_("I-frame interval (GOP), frames"), f"{now}{frames}", str(best), gain)


def _smart_codec(watched: Findings) -> Advice | None:
    if watched.has_even_gops:
        return None
    return Advice(
        _("Smart codec (H.264+, H.265+, Zipstream, dynamic GOP)"),
        _("on"),
        _("off"),
        _("keyframes come evenly: nothing passes unseen between two of them"),
    )


def _rate_control(watched: Findings) -> Advice | None:
    if not watched.is_saturated:
        return None
    return Advice(
        _("Bit rate control"),
        _("constant, {kbps:.0f} kbit/s, used up by noise").format(kbps=watched.kbps),
        _("variable, {kbps:.0f} kbit/s at most").format(kbps=watched.kbps * 1.5),
        _("packet sizes then tell motion before anything is decoded, and quiet hours take a tenth of the network"),
    )


def _sub_stream(camera: CameraSettings, main: Findings, sub: Findings | None) -> Advice | None:
    if camera.sub_source or main.width_px < SUB_STREAM_FROM_PX:
        return None
    width_px, height_px = (sub.width_px, sub.height_px) if sub is not None else (640, 360)
    return Advice(
        "sub_source",
        _("none"),
        _("the camera's second stream, {width} × {height}").format(width=width_px, height=height_px),
        _("motion is watched at a fifth of the processor time; clips keep the large picture"),
    )


def _b_frames(main: Findings) -> Advice | None:
    if not main.has_b_frames:
        return None
    return Advice(
        _("B-frames"),
        _("on"),
        _("off (or profile Baseline)"),
        _("browsers show the live picture as it is: no transcoding, and less delay"),
    )


def _codec(camera: CameraSettings, main: Findings) -> Advice | None:
    is_plain = camera.source.lower().startswith("rtsp://") and camera.transport == "tcp"
    if not is_plain or main.path != "ffmpeg":
        return None
    return Advice(
        _("Codec or transport"),
        _("received by FFmpeg"),
        _("H.264 or H.265, RTP over RTSP (TCP)"),
        _("receiving takes a third of the processor time"),
    )


def _losses(main: Findings) -> Advice | None:
    if not main.lost_packets:
        return None
    return Advice(
        _("Network"),
        _("{count} packets lost in {seconds:.0f} s").format(count=main.lost_packets, seconds=main.seconds),
        _("a better link, or a lower bit rate"),
        _("each loss costs all pictures up to the next keyframe"),
    )


def _clock(main: Findings) -> Advice | None:
    offset = main.clock_offset_seconds
    if offset is None or abs(offset) <= CLOCK_OFFSET_SECONDS_MAX:
        return None
    return Advice(
        _("Clock (NTP)"),
        _("{seconds:+.0f} s beside this machine").format(seconds=offset),
        _("the same time server as this machine"),
        _("the time in the picture is the time of the event"),
    )
