"""The quantiser read from slice headers, against encoders that were told which to use."""

from collections.abc import Mapping
from fractions import Fraction

import av
import numpy as np
import pytest
from av.video.frame import PictureType

from vigie_agent.motion.slices import SliceQp

FRAMES = 20


def encoded(options: Mapping[str, str], pix_fmt: str = "yuv420p") -> list[bytes]:
    """Access units of a scene that pans, so that P pictures are worth while."""
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = 320, 192, pix_fmt
    context.time_base = Fraction(1, 25)
    context.options = {"preset": "medium", "bf": "0", "sc_threshold": "0", **options}
    wide = np.kron(np.random.default_rng(1).integers(0, 255, (24, 60), np.uint8), np.ones((8, 8), np.uint8))
    units = []
    for number in range(FRAMES):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(wide[:192, number : number + 320]), format="gray")
        frame = frame.reformat(format=pix_fmt)
        frame.pts, frame.pict_type = number, PictureType.NONE
        units += [bytes(packet) for packet in context.encode(frame)]
    return units + [bytes(packet) for packet in context.encode()]


@pytest.mark.parametrize("profile", ["baseline", "main", "high"])
@pytest.mark.parametrize("qp", [20, 33, 45])
def test_it_reads_the_quantiser_the_encoder_was_told(profile: str, qp: int) -> None:
    reader = SliceQp()
    first, *others = [reader.read(unit) for unit in encoded({"qp": str(qp), "profile": profile})]
    assert first == qp - 3, "libx264 makes I pictures three steps finer"
    assert others == [qp] * (FRAMES - 1)


@pytest.mark.parametrize(
    "options",
    [
        {"slices": "4"},
        {"weightp": "2", "refs": "4"},
        {"x264-params": "interlaced=1"},
        {"x264-params": "cqm=jvt"},
        {"tune": "zerolatency", "intra-refresh": "1"},
        {"x264-params": "aud=1:nal-hrd=vbr:vbv-maxrate=9000:vbv-bufsize=9000"},
    ],
)
def test_it_skips_what_stands_before_the_quantiser(options: dict[str, str]) -> None:
    reader = SliceQp()
    read = [reader.read(unit) for unit in encoded({"qp": "31", **options})]
    assert read[1:] == [31] * (FRAMES - 1)


def test_it_reads_full_colour() -> None:
    reader = SliceQp()
    assert [reader.read(unit) for unit in encoded({"qp": "31"}, "yuv444p")][1:] == [31] * (FRAMES - 1)


def test_parameter_sets_that_change_are_followed() -> None:
    reader = SliceQp()
    for options in ({"qp": "24", "profile": "baseline"}, {"qp": "40", "profile": "high"}, {"qp": "30"}):
        _first, *others = [reader.read(unit) for unit in encoded(options)]
        assert others == [int(options["qp"])] * (FRAMES - 1)


def test_b_pictures_and_strangers_are_not_read() -> None:
    reader = SliceQp()
    read = [reader.read(unit) for unit in encoded({"qp": "31", "bf": "2", "b-adapt": "0"})]
    assert None in read
    assert set(read) - {None} <= {28, 31, 33}
    fresh = SliceQp()
    assert fresh.read(encoded({"qp": "31"})[1]) is None, "its parameter sets were never seen"


def test_damaged_packets_are_not_read_and_harm_nothing() -> None:
    units = encoded({"qp": "31"})
    reader = SliceQp()
    chance = np.random.default_rng(2)
    reader.read(units[0])
    for unit in units[1:]:
        noise = bytearray(unit)
        for place in chance.integers(4, min(len(noise), 30), 3):
            noise[place] = int(chance.integers(256))
        for damaged in (bytes(noise), unit[:5], unit[:6], b"", b"\x00\x00\x01", b"\x00\x00\x01\x67", unit[4:]):
            read = SliceQp().read(damaged)
            assert read is None
            reader.read(damaged)
    reader.read(units[0])
    assert reader.read(units[1]) == 31
