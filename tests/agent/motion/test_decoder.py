from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.agent.capture.films import packets_of
from tests.media.films import make_film, walk
from vigie_agent.motion.decoder import FrameDecoder


@pytest.mark.parametrize("b_frames", [0, 2])
def test_resting_it_decodes_keyframes_only_and_at_once(tmp_path: Path, b_frames: int) -> None:
    stream, packets = packets_of(make_film(tmp_path / "film.mp4", walk(0, 1), seconds=4, b_frames=b_frames))
    decoder = FrameDecoder(stream.codec, deblock=False)
    frames = [(packet.position_seconds, decoder.decode(packet)) for packet in packets]
    assert [at for at, made in frames if made] == [one.position_seconds for one in packets if one.is_keyframe]
    assert all(len(made) == 1 for _at, made in frames if made)


@pytest.mark.parametrize("b_frames", [0, 2])
def test_woken_behind_a_keyframe_it_misses_nothing_that_follows(tmp_path: Path, b_frames: int) -> None:
    draw = walk(0, 3, sigma=0)
    stream, packets = packets_of(make_film(tmp_path / "film.mp4", draw, seconds=4, b_frames=b_frames))
    decoder = FrameDecoder(stream.codec, deblock=True)
    shown = {}
    first_seconds = min(packet.presented_seconds for packet in packets)
    for packet in packets:
        for frame in decoder.decode(packet):
            shown[round(frame.position_seconds - first_seconds, 1)] = frame.luma().copy()
        if packet.is_keyframe and packet.presented_seconds - first_seconds > 1.9:
            decoder.wake()
    for tenth in range(20, 37):
        picture = (shown[tenth / 10].astype(float) - 16) * 255 / 219  # BT.601 range
        assert np.abs(picture - draw(tenth / 10)).mean() < 2, f"the picture at {tenth / 10} s"


def test_put_to_rest_it_waits_for_the_next_keyframe(tmp_path: Path) -> None:
    stream, packets = packets_of(make_film(tmp_path / "film.mp4", walk(0, 1), seconds=4))
    decoder = FrameDecoder(stream.codec, deblock=False)
    decoder.wake()
    made = 0
    for packet in packets:
        if packet.position_seconds > 1.55:
            decoder.rest()
        made += len(decoder.decode(packet))
    assert made == 16 + 2


def test_damaged_packets_cost_pictures_and_no_more(tmp_path: Path) -> None:
    stream, packets = packets_of(make_film(tmp_path / "film.mp4", walk(0, 1), seconds=4))
    decoder = FrameDecoder(stream.codec, deblock=False)
    decoder.wake()
    for index, packet in enumerate(packets[:20]):
        decoder.decode(replace(packet, data=b"\x00\x00\x00\x01\x65\xff\xff") if index % 3 else packet)
    assert decoder.corrupt_packets > 0
    assert len([frame for packet in packets[20:] for frame in decoder.decode(packet)]) == 20
