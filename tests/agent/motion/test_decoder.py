import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.agent.capture.films import packets_of
from tests.media.films import make_film, walk
from vigie_agent.motion.decoder import FrameDecoder, KeyframeDecoder

LIMITED_RANGE = 219 / 255
"""Films are BT.601 of limited range."""


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("b_frames", [0, 2])
def test_keyframes_are_decoded_alone_and_at_once(tmp_path: Path, b_frames: int, codec: str) -> None:
    film = make_film(tmp_path / "film.mp4", walk(0, 1), seconds=4, b_frames=b_frames, codec=codec)
    stream, packets = packets_of(film)
    decoder = KeyframeDecoder()
    keyframes = [packet for packet in packets if packet.is_keyframe]
    shown = [decoder.decode(stream, packet) for packet in keyframes]
    assert len(shown) == 4
    for frame, packet in zip(shown, keyframes, strict=True):
        assert frame is not None
        assert frame.position_seconds == pytest.approx(packet.presented_seconds, abs=0.001)


def test_one_decoder_serves_cameras_of_several_codecs_and_sizes_in_turn(tmp_path: Path) -> None:
    draw = walk(0, 3, sigma=0)
    films = [
        packets_of(make_film(tmp_path / "one.mp4", draw, seconds=3)),
        packets_of(make_film(tmp_path / "two.mp4", lambda at: draw(at)[:, :256], seconds=3)),
        packets_of(make_film(tmp_path / "three.mp4", lambda at: 255 - draw(at), seconds=3)),
        packets_of(make_film(tmp_path / "four.mp4", draw, seconds=3, codec="libx265")),
    ]
    decoder = KeyframeDecoder()
    for second in range(3):
        for index, (stream, packets) in enumerate(films):
            keyframe = [packet for packet in packets if packet.is_keyframe][second]
            frame = decoder.decode(stream, keyframe)
            assert frame is not None
            drawn = draw(float(second)).astype(float)
            expected = [drawn, drawn[:, :256], 255 - drawn, drawn][index]
            picture = (frame.luma().astype(float) - 16) / LIMITED_RANGE
            assert np.abs(picture - expected).mean() < 4, f"film {index + 1} at {second} s"


def test_a_damaged_keyframe_shows_nothing_and_harms_no_other(tmp_path: Path) -> None:
    stream, packets = packets_of(make_film(tmp_path / "film.mp4", walk(0, 1), seconds=2))
    decoder = KeyframeDecoder()
    assert decoder.decode(stream, replace(packets[0], data=b"\x00\x00\x00\x01\x65\xff\xff")) is None
    assert decoder.decode(stream, packets[0]) is not None


def test_threads_do_not_share_a_decoder(tmp_path: Path) -> None:
    stream, packets = packets_of(make_film(tmp_path / "film.mp4", walk(0, 1), seconds=4))
    decoder, faults = KeyframeDecoder(), []
    keyframes = [packet for packet in packets if packet.is_keyframe]

    def decode() -> None:
        for keyframe in keyframes * 10:
            frame = decoder.decode(stream, keyframe)
            if frame is None or abs(frame.position_seconds - keyframe.presented_seconds) > 0.001:
                faults.append(keyframe)

    threads = [threading.Thread(target=decode) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


@pytest.mark.parametrize("b_frames", [0, 2])
def test_from_a_keyframe_on_it_misses_nothing(tmp_path: Path, b_frames: int) -> None:
    draw = walk(0, 3, sigma=0)
    stream, packets = packets_of(make_film(tmp_path / "film.mp4", draw, seconds=4, b_frames=b_frames))
    decoder = FrameDecoder(stream.codec)
    first_seconds = min(packet.presented_seconds for packet in packets)
    begin = next(n for n, one in enumerate(packets) if one.is_keyframe and one.presented_seconds - first_seconds > 1.9)
    frames = [frame for packet in packets[begin:] for frame in decoder.decode(packet)]
    frames += decoder.finish(packets[-1])
    shown = {round(frame.position_seconds - first_seconds, 1): frame for frame in frames}
    for tenth in range(20, 40):
        picture = (shown[tenth / 10].luma().astype(float) - 16) / LIMITED_RANGE
        assert np.abs(picture - draw(tenth / 10)).mean() < 2, f"the picture at {tenth / 10} s"


def test_it_waits_for_its_first_keyframe(tmp_path: Path) -> None:
    stream, packets = packets_of(make_film(tmp_path / "film.mp4", walk(0, 1), seconds=4))
    decoder = FrameDecoder(stream.codec)
    assert sum(len(decoder.decode(packet)) for packet in packets[5:]) == 30


def test_damaged_packets_cost_pictures_and_no_more(tmp_path: Path) -> None:
    stream, packets = packets_of(make_film(tmp_path / "film.mp4", walk(0, 1), seconds=4))
    decoder = FrameDecoder(stream.codec)
    for index, packet in enumerate(packets[:20]):
        decoder.decode(replace(packet, data=b"\x00\x00\x00\x01\x65\xff\xff") if index % 3 else packet)
    assert decoder.corrupt_packets > 0
    assert len([frame for packet in packets[20:] for frame in decoder.decode(packet)]) == 20
