"""Films are H.264 as a camera sends it, the same for the same seed, with the truth beside them."""

import hashlib
import json
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from vigie_agent.synthetic.film import FRAMES_PER_SECOND, film_truth, render_scene
from vigie_agent.synthetic.scenes import QUIET_SECONDS, SceneName, crossing, make_scene
from vigie_agent.synthetic.stage import Scene

SEED = 5


def short(scene: Scene, seconds: float) -> Scene:
    """Its first seconds."""
    return Scene(scene.name, seconds, scene.camera, scene.backdrop, scene.actors, scene.noise, scene.light_drift)


def pictures_digest(path: Path) -> str:
    digest = hashlib.sha256()
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            digest.update(frame.to_ndarray().tobytes())
    return digest.hexdigest()


def test_same_seed_gives_the_same_pictures_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("one", SEED), ("two", SEED), ("other", SEED + 1)):
        render_scene(tmp_path / f"{name}.mp4", short(make_scene("gate", seed), 1), seed)
    one, two, other = (pictures_digest(tmp_path / f"{name}.mp4") for name in ("one", "two", "other"))
    assert one == two != other


def test_film_is_h264_with_a_keyframe_a_second_and_no_b_frames(tmp_path: Path) -> None:
    render_scene(tmp_path / "film.mp4", short(make_scene("gate", SEED), 4), SEED)
    with av.open(str(tmp_path / "film.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 960, 540)
        assert stream.average_rate == FRAMES_PER_SECOND
        packets = [packet for packet in container.demux(stream) if packet.size]
    assert len(packets) == 50
    assert all(packet.pts == packet.dts for packet in packets)
    keyframes = [number for number, packet in enumerate(packets) if packet.is_keyframe]
    assert keyframes == list(range(0, 50, 12))


def test_truth_lies_beside_the_film_and_names_every_stay(tmp_path: Path) -> None:
    truth = render_scene(tmp_path / "film.mp4", short(make_scene("gate", SEED), 1), SEED)
    kept = json.loads((tmp_path / "film.truth.json").read_text(encoding="utf-8"))
    assert kept["scene"] == truth.scene == "gate"
    assert kept["vehicles"] == []


@pytest.mark.parametrize(("name", "least"), [("crossing", 10), ("patrol", 3)])
def test_every_plate_grows_wide_enough_to_be_read(name: SceneName, least: int) -> None:
    truth = film_truth(make_scene(name, SEED), SEED)
    assert len(truth.vehicles) >= least
    assert len({vehicle.plate for vehicle in truth.vehicles}) == len(truth.vehicles)
    assert all(vehicle.widest_px >= 110 for vehicle in truth.vehicles)


def test_some_vehicles_pass_at_once() -> None:
    stays = sorted(
        (one.enter_seconds, one.leave_seconds) for one in film_truth(make_scene("crossing", SEED), SEED).vehicles
    )
    assert any(later[0] < earlier[1] for earlier, later in pairwise(stays))


@pytest.mark.parametrize("name", ["crossing", "gate", "patrol"])
def test_film_is_quiet_at_both_ends(name: SceneName) -> None:
    scene = make_scene(name, SEED)
    first, still = np.asarray(scene.draw(0.0)), np.asarray(scene.draw(QUIET_SECONDS - 0.1))
    last, ending = (
        np.asarray(scene.draw(scene.seconds - QUIET_SECONDS + 0.1)),
        np.asarray(scene.draw(scene.seconds - 0.08)),
    )
    assert np.array_equal(first, still)
    assert np.array_equal(last, ending)
    assert np.array_equal(first, ending)


def test_plate_views_lie_where_the_plates_are_drawn() -> None:
    scene = crossing(np.random.default_rng(SEED), vehicles=2)
    at_seconds = 8.2
    luma = np.asarray(scene.draw(at_seconds).convert("L")).astype(float)
    view = max(scene.plates(at_seconds), key=lambda one: float(np.ptp(one.corners[:, 0])))
    (left, top), (right, bottom) = view.corners.min(axis=0).astype(int), view.corners.max(axis=0).astype(int)
    assert luma[top:bottom, left:right].mean() > 120
    assert luma[top:bottom, left - 6 : left - 3].mean() < 110


def test_films_draw_without_fonts_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path))
    monkeypatch.setenv("FONTCONFIG_PATH", str(tmp_path))
    scene = make_scene("crossing", SEED)
    assert scene.plates(8.0)
    scene.draw(8.0)
