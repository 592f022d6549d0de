from pathlib import Path

from tests.agent.capture.cameras import AT
from tests.media.films import make_film, walk
from vigie_agent.capture.address import Address
from vigie_agent.capture.session import Session
from vigie_agent.capture.timeline import Timeline
from vigie_agent.motion.decoder import FrameDecoder


def test_motion_jpeg_becomes_h264_with_a_keyframe_a_second(tmp_path: Path) -> None:
    film = make_film(tmp_path / "usb.avi", walk(0, 2), seconds=2.5, codec="mjpeg")
    timeline, decoder = Timeline(), FrameDecoder("h264")
    with Session(Address("file", str(film)), 1) as session:
        packets = [timeline.stamp(raw, AT) for raw in session.packets()]
        assert session.info is not None
        assert (session.info.codec, session.info.width_px, session.info.height_px) == ("h264", 320, 192)
    assert len(packets) == 25
    assert [round(one.position_seconds, 3) for one in packets if one.is_keyframe] == [0.0, 1.0, 2.0]
    assert len([frame for one in packets for frame in decoder.decode(one)]) == 25
