"""Films in, reads out, with the shipped models."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.agent.plates.conftest import Frame, frames_of
from vigie_agent.plates.crop import CROP_BYTES_MAX
from vigie_agent.plates.pipeline import PlateReader, PlateSettings
from vigie_agent.plates.vote import VotedRead, VoteSettings
from vigie_agent.synthetic.film import FilmTruth, render_scene
from vigie_agent.synthetic.scenes import gate
from vigie_agent.synthetic.stage import Scene


def read_all(frames: Iterable[Frame], settings: PlateSettings | None = None) -> list[VotedRead]:
    reader = PlateReader(settings)
    reads = [read for at_seconds, luma in frames for read in reader.observe(at_seconds, luma)]
    return reads + reader.flush()


@pytest.fixture(scope="module")
def reads(frames: list[Frame]) -> list[VotedRead]:
    return read_all(frames)


def test_two_vehicles_at_once_are_read_exactly_once_each(film: tuple[Path, FilmTruth], reads: list[VotedRead]) -> None:
    assert sorted(read.text for read in reads) == sorted(vehicle.plate for vehicle in film[1].vehicles)
    assert not any(read.uncertain for read in reads)


def test_reads_know_when_and_which_way(film: tuple[Path, FilmTruth], reads: list[VotedRead]) -> None:
    truth = {vehicle.plate: vehicle for vehicle in film[1].vehicles}
    for read in reads:
        vehicle = truth[read.text]
        assert vehicle.enter_seconds - 0.2 <= read.first_seen_at < read.last_seen_at <= vehicle.leave_seconds + 0.2
        assert read.kind == vehicle.kind
    assert {read.direction for read in reads} == {"approaching", "receding"}


def test_crops_are_small_pictures(reads: list[VotedRead]) -> None:
    for read in reads:
        assert read.crop_jpeg.startswith(b"\xff\xd8")
        assert 400 < len(read.crop_jpeg) <= CROP_BYTES_MAX


def test_what_is_not_sure_enough_is_told_as_uncertain_with_its_crop(frames: list[Frame]) -> None:
    reads = read_all(frames, PlateSettings(vote=VoteSettings(certain_from=1.0)))
    assert reads
    assert all(read.uncertain and read.confidence < 1.0 and read.crop_jpeg for read in reads)


def test_kinds_that_may_not_pass_are_not_read(frames: list[Frame]) -> None:
    assert read_all(frames, PlateSettings(kinds=("ww", "diplomatic"))) == []


def test_nothing_is_read_at_a_gate_without_vehicles(tmp_path: Path) -> None:
    full = gate(np.random.default_rng(8))
    short = Scene(full.name, 6, full.camera, lambda at: full.backdrop(at), full.actors, full.noise, full.light_drift)
    render_scene(tmp_path / "gate.mp4", short, 8)
    assert read_all(frames_of(tmp_path / "gate.mp4")) == []


FAR, LEFT_PX, TOP_PX = (2160, 3840), 2400, 1300
"""A frame of 4K, and where the film lies in it."""


def far_away(frames: list[Frame]) -> Iterator[Frame]:
    """The film as a part of a large picture, in which its plates are too small for the detector."""
    for at_seconds, luma in frames[::3]:
        large = np.full(FAR, 110, dtype=np.uint8)
        large[TOP_PX : TOP_PX + luma.shape[0], LEFT_PX : LEFT_PX + luma.shape[1]] = luma
        yield at_seconds, large


def test_small_plates_in_a_large_picture_are_read_where_something_moves(
    film: tuple[Path, FilmTruth], frames: list[Frame]
) -> None:
    reader = PlateReader()
    region = (LEFT_PX / 3840, TOP_PX / 2160, (LEFT_PX + 960) / 3840, (TOP_PX + 540) / 2160)
    reads = [read for at, luma in far_away(frames) for read in reader.observe(at, luma, region)] + reader.flush()
    assert sorted(read.text for read in reads) == sorted(vehicle.plate for vehicle in film[1].vehicles)
    blind = read_all(far_away(frames))
    assert sum(read.frame_count for read in reads) > sum(read.frame_count for read in blind)
    for read in reads:
        left, top, right, bottom = read.box
        assert region[0] < left < right < region[2]
        assert region[1] < top < bottom < region[3]


def test_plates_that_an_edge_cuts_are_not_read(film: tuple[Path, FilmTruth], frames: list[Frame]) -> None:
    """The region's right edge runs through one plate's way; the frame itself goes on there."""
    wanted = {vehicle.plate for vehicle in film[1].vehicles}
    reader = PlateReader()
    reads = [read for at, luma in frames for read in reader.observe(at, luma, (0.0, 0.1, 0.24, 0.9))] + reader.flush()
    assert {read.text for read in reads} <= wanted


def test_a_read_that_looks_often_leaves_less_for_the_others(frames: list[Frame]) -> None:
    reader = PlateReader(PlateSettings(reads_per_second=2.0))
    for at_seconds, luma in frames:
        reader.observe(at_seconds, luma)
    costliest = 10
    assert 0 < reader.lines_read <= 2 + 2 * frames[-1][0] + costliest


def test_frames_beyond_the_budget_are_not_looked_at(frames: list[Frame]) -> None:
    slow = read_all(frames, PlateSettings(frames_per_second=3))
    fast = read_all(frames, PlateSettings(frames_per_second=12))
    assert max(read.frame_count for read in slow) < max(read.frame_count for read in fast)


def test_looped_film_is_read_again(frames: list[Frame]) -> None:
    reader = PlateReader()
    first = [read.text for at, luma in frames for read in reader.observe(at, luma)]
    first += [read.text for read in reader.flush()]
    again = [read.text for at, luma in frames for read in reader.observe(at + 100, luma)]
    again += [read.text for read in reader.flush()]
    assert sorted(first) == sorted(again) != []
