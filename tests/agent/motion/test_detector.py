"""What must not count as motion, and what must, in scenes drawn pixel by pixel."""

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
import pytest

from tests.media.films import noisy, street, with_figure
from vigie_agent.camera_settings import MotionSettings
from vigie_agent.motion.detector import MotionChange, MotionDetector, bounds
from vigie_agent.motion.grid import grid_of
from vigie_agent.motion.scene import light_between, solid

Picture = npt.NDArray[np.float32]
Scene = Callable[[float], Picture]

STREET = street(width_px=480, height_px=288)
QUIET_SECONDS = 3.0


def watched(
    scene: Scene, seconds: float, *, step_seconds: float = 2.0, sigma: float = 2.0, first_seconds: float = 0.0
) -> list[MotionChange]:
    """What a detector says of `scene`, by default looked at as seldom as at keyframes."""
    detector = MotionDetector(MotionSettings(quiet_seconds=QUIET_SECONDS))
    return feed(detector, scene, np.arange(first_seconds, seconds, step_seconds), sigma)


def feed(detector: MotionDetector, scene: Scene, times: Iterable[float], sigma: float = 2.0) -> list[MotionChange]:
    changes = []
    for number, at_seconds in enumerate(times):
        picture = noisy(scene(at_seconds), sigma, seed=number)
        changes += detector.feed(float(at_seconds), grid_of(picture))
    return changes


def still(_at_seconds: float) -> Picture:
    return STREET


def passing(first: float, last: float, *, height_share: float = 0.3, contrast: float = 70.0) -> Scene:
    def scene(at_seconds: float) -> Picture:
        if not first <= at_seconds <= last:
            return STREET
        return with_figure(STREET, 0.1 + 0.8 * (at_seconds - first) / (last - first), height_share, contrast)

    return scene


@pytest.mark.parametrize("sigma", [0.0, 2.0, 5.0, 10.0])
@pytest.mark.parametrize("step_seconds", [2.0, 0.2])
def test_sensor_noise_is_not_motion(sigma: float, step_seconds: float) -> None:
    assert watched(still, 150 * step_seconds, step_seconds=step_seconds, sigma=sigma) == []


@pytest.mark.parametrize("step_seconds", [2.0, 0.2])
def test_slow_light_is_not_motion(step_seconds: float) -> None:
    def dusk(at_seconds: float) -> Picture:
        return STREET * np.float32(1 + 0.3 * np.sin(at_seconds / 6))

    assert watched(dusk, 120 * step_seconds, step_seconds=step_seconds) == []


@pytest.mark.parametrize("gain", [0.4, 0.7, 1.3])
@pytest.mark.parametrize("offset", [-20.0, 0.0, 20.0])
def test_a_step_of_the_whole_light_is_not_motion(gain: float, offset: float) -> None:
    def switched(at_seconds: float) -> Picture:
        return STREET if at_seconds < 20 else STREET * np.float32(gain) + np.float32(offset)

    assert watched(switched, 40) == []


def test_turning_the_camera_once_is_not_motion() -> None:
    elsewhere = street(seed=9, width_px=480, height_px=288)

    def turned(at_seconds: float) -> Picture:
        return STREET if at_seconds < 20 else elsewhere

    assert watched(turned, 40) == []


def test_a_mast_that_sways_by_a_pixel_is_not_motion() -> None:
    wide = street(width_px=1200, height_px=720)

    def swaying(at_seconds: float) -> Picture:
        return np.roll(wide, round(at_seconds * 5) % 2, axis=(0, 1))

    assert watched(swaying, 10, step_seconds=0.2) == []


@pytest.mark.parametrize("height_share", [0.08, 0.15, 0.3, 0.6])
def test_a_person_who_passes_starts_and_ends_one_motion(height_share: float) -> None:
    changes = watched(passing(20, 26, height_share=height_share), 40, step_seconds=0.2)
    assert [change.kind for change in changes] == ["started", "ended"]
    started, ended = changes
    assert started.position_seconds == pytest.approx(20, abs=0.6)
    assert ended.position_seconds == pytest.approx(26, abs=0.6)
    assert ended.score >= started.score


def test_a_person_is_seen_in_a_single_keyframe() -> None:
    changes = watched(passing(20, 21.9), 40)
    assert [change.kind for change in changes] == ["started", "ended"]
    assert changes[0].position_seconds == 20


def test_a_person_of_little_contrast_is_seen() -> None:
    changes = watched(passing(20, 26, contrast=20), 40, step_seconds=0.2)
    assert [change.kind for change in changes] == ["started", "ended"]


def test_the_region_is_where_it_moved() -> None:
    changes = watched(passing(20, 26, height_share=0.3), 40, step_seconds=0.2)
    left, top, right, bottom = changes[1].region
    assert left == pytest.approx(0.1, abs=0.05)
    assert right == pytest.approx(0.9 + 0.072, abs=0.05)
    assert top == pytest.approx(0.6, abs=0.05)
    assert bottom == pytest.approx(0.9, abs=0.05)


def test_a_pause_shorter_than_the_quiet_time_does_not_end_motion() -> None:
    first, second = passing(20, 22), passing(23.5, 26)

    def scene(at_seconds: float) -> Picture:
        return first(at_seconds) if at_seconds < 23 else second(at_seconds)

    assert [change.kind for change in watched(scene, 40, step_seconds=0.2)] == ["started", "ended"]


def test_a_vehicle_that_parks_ends_its_motion_and_its_leaving_is_another() -> None:
    def parked(at_seconds: float) -> Picture:
        if not 20 <= at_seconds <= 64:
            return STREET
        way = min(1.0, (at_seconds - 20) / 4, (64 - at_seconds) / 4)
        return with_figure(STREET, 0.5 * way, 0.3)

    changes = watched(parked, 80, step_seconds=0.5)
    assert [change.kind for change in changes] == ["started", "ended", "started", "ended"]
    assert changes[1].position_seconds == pytest.approx(24, abs=2.5)
    assert changes[2].position_seconds == pytest.approx(60, abs=1)


def leaves(since_seconds: float = 0.0) -> Scene:
    chance = np.random.default_rng(3)

    def windy(at_seconds: float) -> Picture:
        picture = STREET.copy()
        if at_seconds >= since_seconds:
            picture[:100, :100] += chance.uniform(-60, 60, (10, 10)).astype(np.float32).repeat(10, 0).repeat(10, 1)
        return picture

    return windy


def test_leaves_that_never_rest_are_no_motion_from_the_first_picture_on() -> None:
    assert watched(leaves(), 90, step_seconds=0.2) == []


def test_leaves_in_a_wind_that_rises_are_learnt() -> None:
    detector = MotionDetector(MotionSettings())
    scene = leaves(since_seconds=40)
    assert feed(detector, scene, np.arange(0, 100, 1.0)), "at first they look like any motion"
    assert feed(detector, scene, np.arange(100, 180, 1.0)) == []
    assert not detector.is_moving


def test_a_camera_that_is_lost_ends_its_motion_where_something_last_moved() -> None:
    detector = MotionDetector(MotionSettings())
    scene = passing(20, 26)
    assert [change.kind for change in feed(detector, scene, np.arange(0, 23, 0.2))] == ["started"]
    (ended,) = detector.finish()
    assert ended.kind == "ended"
    assert ended.position_seconds == pytest.approx(22.8)
    assert detector.finish() == []


def test_another_picture_size_begins_anew() -> None:
    detector = MotionDetector(MotionSettings())
    feed(detector, still, np.arange(0, 10, 2))
    small = np.full((50, 90), 200, np.float32)
    assert detector.feed(10, small) == []
    assert detector.feed(12, small) == []


def test_solid_drops_single_cells_and_thin_lines() -> None:
    mask = np.zeros((8, 12), bool)
    mask[1, 1] = True
    mask[:, 5] = True
    mask[3:5, 8:10] = True
    assert bounds(solid(mask)) == (8 / 12, 3 / 8, 10 / 12, 5 / 8)
    assert solid(mask).sum() == 4


def test_light_is_followed_past_a_large_vehicle() -> None:
    past = grid_of(STREET.astype(np.uint8))
    now = past * np.float32(0.8) + np.float32(12)
    now[:, :40] = 250
    gain, offset = light_between(past, now)
    assert (past * gain + offset)[:, 50:] == pytest.approx(now[:, 50:], abs=2.0)
