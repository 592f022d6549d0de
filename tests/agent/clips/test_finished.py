from pathlib import Path

import pytest

from tests.agent.capture.films import packets_of
from tests.media.films import make_film, walk
from vigie_agent.clips.finished import finish_clip
from vigie_agent.clips.recorder import ClipRecorder
from vigie_shared.errors import CaptureError


def test_a_finished_clip_is_its_segments_their_size_and_their_time(tmp_path: Path) -> None:
    stream, packets = packets_of(make_film(tmp_path / "film.mp4", walk(0, 1), seconds=3))
    recorder = ClipRecorder(1, 60, "gate")
    assert recorder.motion_started("m1", stream, packets) == []
    (recorded,) = recorder.finish()
    clip = finish_clip("gate", recorded)
    whole = b"".join(clip.segments)
    assert (clip.motion_id, clip.camera_id, clip.codec, clip.bytes) == ("m1", "gate", "h264", len(whole))
    assert (clip.ended_at - clip.at).total_seconds() == pytest.approx(3.0, abs=0.11)


def test_packets_that_cannot_be_a_clip_are_an_error(tmp_path: Path) -> None:
    from dataclasses import replace

    stream, packets = packets_of(make_film(tmp_path / "film.mp4", walk(0, 1), seconds=2))
    recorder = ClipRecorder(1, 60, "gate")
    recorder.motion_started("m1", replace(stream, width_px=0, height_px=0), packets)
    (recorded,) = recorder.finish()
    with pytest.raises(CaptureError):
        finish_clip("gate", recorded)
