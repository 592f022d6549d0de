from dataclasses import replace

import pytest

from vigie_agent.camera_settings import CameraSettings, MotionSettings
from vigie_agent.doctor.advice import Advice, advise
from vigie_agent.doctor.findings import Findings

GOOD = Findings(
    codec="h264",
    width_px=1920,
    height_px=1080,
    seconds=20,
    frames_per_second=25,
    kbps=800,
    gop_seconds=1.0,
    gop_frames=25,
    has_even_gops=True,
    has_b_frames=False,
    variation=0.3,
    quantiser=26,
    is_saturated=False,
    gate="informative",
    clock_offset_seconds=0.1,
    lost_packets=0,
    path="vigie",
)
SMALL = replace(GOOD, width_px=640, height_px=360)
CAMERA = CameraSettings(camera_id="gate", source="rtsp://10.0.0.1/1", sub_source="rtsp://10.0.0.1/2")


def advised(main: Findings, sub: Findings | None = SMALL, camera: CameraSettings = CAMERA) -> list[Advice]:
    return advise(camera, MotionSettings(), main, sub)


def test_a_camera_that_is_set_well_is_left_alone() -> None:
    assert advised(GOOD) == []


@pytest.mark.parametrize(
    ("main", "sub", "setting", "now", "better"),
    [
        (GOOD, replace(SMALL, gop_seconds=4.0, gop_frames=100), "I-frame interval", "100, 4.0 s", "25"),
        (GOOD, replace(SMALL, gop_seconds=None, gop_frames=None), "I-frame interval", "none in 20 s", "25"),
        (GOOD, replace(SMALL, has_even_gops=False), "Smart codec", "on", "off"),
        (GOOD, replace(SMALL, is_saturated=True), "Bit rate control", "constant, 800 kbit/s", "variable, 1200 kbit/s"),
        (replace(GOOD, has_b_frames=True), SMALL, "B-frames", "on", "off"),
        (replace(GOOD, lost_packets=7), SMALL, "Network", "7 packets lost", "better link"),
        (replace(GOOD, clock_offset_seconds=-3600.0), SMALL, "Clock", "-3600 s", "time server"),
        (replace(GOOD, path="ffmpeg"), SMALL, "Codec or transport", "FFmpeg", "H.264"),
    ],
)
def test_each_fault_names_the_setting_what_it_is_and_what_it_should_be(
    main: Findings, sub: Findings, setting: str, now: str, better: str
) -> None:
    (advice,) = advised(main, sub)
    assert setting in advice.setting
    assert now in advice.now
    assert better in advice.better
    assert advice.gain


def test_the_gain_of_a_shorter_gop_is_a_twentieth_only_where_all_is_decoded_now() -> None:
    (long,) = advised(GOOD, replace(SMALL, gop_seconds=10.0, gop_frames=250))
    (longish,) = advised(GOOD, replace(SMALL, gop_seconds=2.4, gop_frames=60))
    assert "a twentieth" in long.gain
    assert "within 1 s instead of 2.4 s" in longish.gain


def test_a_second_stream_is_asked_for_only_where_the_first_is_large_and_none_is_set() -> None:
    alone = CameraSettings(camera_id="gate", source="rtsp://10.0.0.1/1")
    (advice,) = advised(GOOD, None, alone)
    assert advice.setting == "sub_source"
    (found,) = advised(GOOD, replace(SMALL, width_px=704, height_px=576), alone)
    assert "704 × 576" in found.better
    assert advised(SMALL, None, alone) == []


def test_the_stream_that_is_watched_is_the_one_whose_gop_matters() -> None:
    assert advised(replace(GOOD, gop_seconds=8.0, gop_frames=200), SMALL) == []
