from pathlib import Path

import pytest

from tests.media.films import make_film, walk
from vigie_agent.capture import nal
from vigie_agent.capture.address import Address
from vigie_agent.capture.packets import Codec
from vigie_agent.capture.session import Session


def test_units_are_split_at_both_start_codes() -> None:
    data = b"\x00\x00\x00\x01\x67\x42\x00\x00\x01\x68\xce\x00\x00\x00\x01\x65\x88\x80"
    assert nal.nal_units(data) == [b"\x67\x42", b"\x68\xce", b"\x65\x88\x80"]
    assert nal.nal_units(nal.annex_b(nal.nal_units(data))) == nal.nal_units(data)


@pytest.mark.parametrize(
    ("codec", "data", "expected"),
    [
        ("h264", nal.annex_b([b"\x67\x64\x00\x1f", b"\x68", b"\x65"]), "avc1.64001f"),
        (
            "hevc",
            nal.annex_b([bytes.fromhex("420101016000000300900000030000030078a0")]),
            "hev1.1.6.L120.90",
        ),
        ("h264", b"", "avc1"),
        ("hevc", b"", "hev1"),
    ],
)
def test_codec_string_is_what_browsers_understand(codec: Codec, data: bytes, expected: str) -> None:
    assert nal.codec_string(codec, nal.parameter_sets(codec, data)) == expected


def test_every_keyframe_of_a_film_carries_its_parameter_sets(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4", walk(0, 1), seconds=3)
    with Session(Address("file", str(film)), 1) as session:
        keyframes = [raw for raw in session.packets() if raw.is_keyframe]
        assert session.info is not None
        assert len(keyframes) == 3
        for raw in keyframes:
            assert nal.parameter_sets("h264", raw.data) == session.info.extradata
