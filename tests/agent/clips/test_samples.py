"""Pictures come back out of a clip as they went in."""

from pathlib import Path

import pytest

from tests.agent.capture.films import packets_of
from tests.media.films import make_film, walk
from vigie_agent.capture import nal
from vigie_agent.clips.remux import remux
from vigie_agent.clips.samples import reorders, samples_of, track_of
from vigie_shared.errors import StoreError


@pytest.mark.parametrize(("codec", "b_frames"), [("libx264", 0), ("libx264", 2), ("libx265", 0)])
def test_pictures_come_out_as_they_went_in(codec: str, b_frames: int, tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4", walk(1, 3), seconds=4, codec=codec, b_frames=b_frames)
    stream, packets = packets_of(film)
    init, *gops = remux(stream, packets).segments
    track = track_of(init)
    samples = [sample for gop in gops for sample in samples_of(track, gop)]
    assert track.codec == stream.codec
    assert [nal.nal_units(one.data) for one in samples] == [nal.nal_units(one.data) for one in packets]
    assert [one.is_keyframe for one in samples] == [one.is_keyframe for one in packets]
    first = packets[0].position_seconds
    decoded = [one.position_seconds - first for one in packets]
    assert [one.decoded_seconds for one in samples] == pytest.approx(decoded, abs=1e-3)
    shown = [one.presented_seconds - first for one in packets]
    assert [one.shown_seconds for one in samples] == pytest.approx(shown, abs=1e-3)
    assert reorders(samples) == bool(b_frames)


def test_a_keyframe_without_parameter_sets_gets_them_from_the_beginning(tmp_path: Path) -> None:
    stream, packets = packets_of(make_film(tmp_path / "film.mp4", walk(0, 1), seconds=1))
    init, gop = remux(stream, packets).segments
    track = track_of(init)
    key = samples_of(track, gop)[0]
    sets = [unit for unit in nal.nal_units(key.data) if nal.nal_type("h264", unit) in (7, 8)]
    hidden = gop
    for unit in sets:  # the same bytes, as units of a type that no decoder reads
        hidden = hidden.replace(unit, bytes([unit[0] & 0xE0 | 30]) + unit[1:])
    again = nal.nal_units(samples_of(track, hidden)[0].data)
    assert again[: len(sets)] == list(track.parameter_sets) == sets


@pytest.mark.parametrize("init", [b"", b"\0\0\0\x10moov\0\0\0\x08trak", b"\xff" * 64])
def test_what_is_no_beginning_is_said_to_be_none(init: bytes) -> None:
    with pytest.raises(StoreError, match=r"neither H\.264 nor H\.265"):
        track_of(init)


def test_a_cut_segment_is_refused_and_never_half_a_picture(tmp_path: Path) -> None:
    stream, packets = packets_of(make_film(tmp_path / "film.mp4", walk(0, 1), seconds=1))
    init, gop = remux(stream, packets).segments
    track = track_of(init)
    whole = [sample.data for sample in samples_of(track, gop)]
    for end in range(8, len(gop), 997):
        try:
            assert samples_of(track, gop[:end]) == []
        except StoreError as error:
            assert "cannot be read" in str(error)  # noqa: PT017
    for at in range(0, min(len(gop), 600), 7):
        try:
            found = samples_of(track, gop[:at] + bytes([gop[at] ^ 0x55]) + gop[at + 1 :])
        except StoreError:
            continue
        assert len(found) <= 100 * len(whole)
