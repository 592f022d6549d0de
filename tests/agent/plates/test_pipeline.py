"""Films in, reads out, with the shipped models."""

from collections.abc import Iterable
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


def test_box_of_a_region_is_told_as_shares_of_the_whole_frame(frames: list[Frame]) -> None:
    reader = PlateReader()
    region = (0.0, 60 / 540, 0.5, 1.0)
    reads = [read for at, luma in frames for read in reader.observe(at, luma, region)] + reader.flush()
    assert [read.direction for read in reads] == ["approaching"]
    left, top, right, bottom = reads[0].box
    assert 0 <= left < right <= 0.5
    assert 60 / 540 <= top < bottom <= 1
    assert right - left > 0.07


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
