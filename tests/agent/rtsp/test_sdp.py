import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie_agent.rtsp.errors import MissingStreamError, RtspError, UnsupportedError
from vigie_agent.rtsp.sdp import parse_sdp

SPS, PPS = b"\x67\x64\x00\x29\xac", b"\x68\xee\x3c\x80"
_TEXTS = [base64.b64encode(unit).decode() for unit in (SPS, PPS)]
CAMERA = f"""v=0\r
o=- 1 1 IN IP4 10.0.0.1\r
s=Media Presentation\r
a=control:rtsp://10.0.0.1/live/\r
m=audio 0 RTP/AVP 8\r
a=control:trackID=2\r
a=rtpmap:8 PCMA/8000\r
m=video 0 RTP/AVP 96\r
b=AS:5000\r
a=recvonly\r
a=x-dimensions:1920,1080\r
a=control:trackID=1\r
a=rtpmap:96 H264/90000\r
a=framerate:25.0\r
a=fmtp:96 profile-level-id=640029; packetization-mode=1; sprop-parameter-sets={",".join(_TEXTS)}\r
"""


def test_the_video_of_a_camera_is_found_behind_its_audio() -> None:
    description = parse_sdp(CAMERA)
    video = description.video
    assert description.control == "rtsp://10.0.0.1/live/"
    assert (video.codec, video.payload_type, video.clock_hz, video.control) == ("h264", 96, 90_000, "trackID=1")
    assert video.parameter_sets == (SPS, PPS)
    assert video.frames_per_second == 25


def test_h265_brings_its_three_sets() -> None:
    text = (
        "m=video 0 RTP/AVP 98\na=rtpmap:98 H265/90000\n"
        f"a=fmtp:98 sprop-vps={_TEXTS[0]}; sprop-sps={_TEXTS[1]}; sprop-pps=AAAAAWgB\n"
    )
    video = parse_sdp(text).video
    assert video.codec == "hevc"
    assert video.parameter_sets[:2] == (SPS, PPS)


@pytest.mark.parametrize("sets", ["!!!!", "Z0=", ",,,", _TEXTS[0].rstrip("=") + ",$$$"])
def test_parameter_sets_that_are_no_base64_are_left_out(sets: str) -> None:
    video = parse_sdp(CAMERA.replace(",".join(_TEXTS), sets)).video
    assert set(video.parameter_sets) <= {SPS}


def test_no_video_is_told_from_a_video_that_we_do_not_know() -> None:
    with pytest.raises(MissingStreamError):
        parse_sdp(CAMERA.replace("m=video", "m=application"))
    with pytest.raises(UnsupportedError, match="JPEG/90000"):
        parse_sdp(CAMERA.replace("H264/90000", "JPEG/90000"))


@given(st.text(alphabet="mva=:/ 0123456789HRTPAVideo\r\n;-", max_size=400))
def test_nonsense_is_an_error_of_ours(text: str) -> None:
    for sdp in (text, CAMERA + text, CAMERA[: len(text)] + text):
        try:
            parse_sdp(sdp)
        except RtspError:
            continue
