"""The settings of one camera and of what is done with its packets."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from vigie_shared.i18n import gettext as _
from vigie_shared.ids import CameraId
from vigie_shared.plates import MOROCCAN, PlateKind

Transport = Literal["tcp", "udp"]


Share = Annotated[float, Field(ge=0, le=1)]
Area = Annotated[tuple[tuple[Share, Share], ...], Field(min_length=2, max_length=64)]
"""Corners of a polygon, or two opposite ones of a rectangle, as shares of the picture's width and height."""


class Section(BaseModel):
    """A section of the settings file: frozen, and strict about its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CameraSettings(Section):
    """One `[[cameras]]` entry."""

    camera_id: CameraId = Field(description="Short name of the camera, unique on this agent: `a-z`, `0-9`, `-`.")
    name: str = Field(default="", max_length=80, description="What people call the camera; its id where empty.")
    source: str = Field(
        min_length=1,
        repr=False,
        description="Where the video comes from: `rtsp://…`, the path of a video file, or `/dev/video0`.",
    )
    sub_source: str = Field(
        default="",
        repr=False,
        description="The same camera's smaller stream, `rtsp://…`: motion is watched on it, clips keep `source`.",
    )
    transport: Transport = Field(
        default="tcp", description="How RTSP brings the packets: `tcp`, or `udp` for cameras that stall on TCP."
    )
    loop: bool = Field(default=False, description="Play a file again from its start when it ends.")
    timeout_seconds: float = Field(
        default=5.0, gt=0, le=60, description="How long an RTSP camera may stay silent before it counts as lost."
    )
    reconnect_seconds_min: float = Field(
        default=1.0, gt=0, description="First wait before a lost camera is tried again; it doubles each time."
    )
    reconnect_seconds_max: float = Field(default=30.0, gt=0, description="Longest wait between two tries.")
    read_plates: bool = Field(default=True, description="Whether plates are read at this camera.")
    zones: tuple[Area, ...] = Field(
        default=(),
        max_length=32,
        description="Where motion counts, everywhere if empty: polygons of corners `[x, y]` as shares of the picture, "
        "`[[0.2, 0.5], [0.9, 0.5], [0.5, 1.0]]`; two corners make a rectangle.",
    )
    masks: tuple[Area, ...] = Field(
        default=(), max_length=32, description="Where motion never counts, drawn like zones: a flag, a tree, a screen."
    )

    @property
    def label(self) -> str:
        """The name for people."""
        return self.name or self.camera_id

    @model_validator(mode="after")
    def _waits_are_ordered(self) -> "CameraSettings":
        if self.reconnect_seconds_min > self.reconnect_seconds_max:
            raise ValueError(_("reconnect_seconds_min is above reconnect_seconds_max"))
        return self


class MotionSettings(Section):
    """`[motion]`: when something counts as moving."""

    contrast_min: float = Field(
        default=3.0, gt=0, le=128, description="Smallest change of a cell's brightness that counts, of 255."
    )
    noise_factor: float = Field(
        default=3.0,
        ge=1,
        le=50,
        description="How many times further than usual, in its own noise or wind, a cell must change.",
    )
    cells_min: int = Field(
        default=2,
        ge=1,
        description="Cells that must change together for motion to start (of about 120 x 68), each among others.",
    )
    quiet_seconds: float = Field(
        default=3.0, gt=0, le=60, description="How long nothing may move before the motion has ended."
    )
    frames_per_second_max: float = Field(
        default=5.0, gt=0, le=30, description="Frames compared per second while something moves."
    )
    keyframe_seconds_max: float = Field(
        default=2.5,
        gt=0,
        description="A camera whose keyframes are further apart is decoded fully all the time: set its I-frame "
        "interval to 1 or 2 seconds to save that.",
    )
    full_decodes_max: int = Field(
        default=4,
        ge=1,
        le=256,
        description="Cameras decoded fully at the same time, where something moves; others keep their packets and are "
        "caught up with. Their motion is told all the same, from keyframes.",
    )
    waiting_bytes_max: int = Field(
        default=32 * 1024**2,
        ge=1024**2,
        description="Most bytes of packets that wait per camera to be decoded; the oldest go undecoded beyond that.",
    )


class ClipSettings(Section):
    """`[clips]`: what is kept around a motion."""

    pre_roll_seconds: float = Field(default=5.0, ge=0, le=60, description="Footage kept from before the motion.")
    post_roll_seconds: float = Field(default=5.0, ge=0, le=60, description="Footage kept from after the motion.")
    clip_seconds_max: float = Field(
        default=60.0, ge=2, le=600, description="A longer motion is kept as consecutive clips of this length."
    )
    keep_bytes_max: int = Field(
        default=10 * 1024**3, ge=1024**2, description="Most bytes of clips on disk; the oldest go first."
    )
    ring_bytes_max: int = Field(
        default=32 * 1024**2, ge=1024**2, description="Most bytes of packets held in memory per camera."
    )


class PlateSettings(Section):
    """`[plates]`: how plates are read while something moves."""

    enabled: bool = Field(default=True, description="Whether plates are read at all.")
    frames_per_second_max: float = Field(
        default=5.0, gt=0, le=30, description="Frames looked at per second and camera while something moves."
    )
    waiting_frames_max: int = Field(
        default=4, ge=1, le=64, description="Frames that may wait for the reader; the oldest is dropped beyond that."
    )
    reads_per_second_max: float = Field(
        default=12.0,
        ge=1,
        le=100,
        description="Plates read per second and camera at most; those beyond it are followed, and read a little later.",
    )
    confidence_min: float = Field(
        default=0.9,
        ge=0.3,
        le=1,
        description="Reads less sure than this are kept as uncertain: people see them, and they raise no alert, except "
        "for checking where an entry of a hotlist allows the rule `uncertain read`.",
    )
    kinds: tuple[PlateKind, ...] = Field(
        default=MOROCCAN,
        min_length=1,
        description="Kinds of plates that may pass here. `european`, the generic rule for foreign plates, takes nearly "
        "any four to eight letters and digits, and is left out unless foreign vehicles are to be read.",
    )
    weights: Literal["auto", "int8", "float"] = Field(
        default="auto",
        description="Which file of each network is run. They differ in a read now and then; `auto` takes int8 unless "
        "floats are clearly faster on this machine (as with tflite-runtime on x86).",
    )
