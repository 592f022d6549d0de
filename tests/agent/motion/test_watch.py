"""What is decoded, when, and what of it is told: real packets, real decoding."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.agent.capture.films import packets_of
from tests.media.films import Luma, make_film, noisy, street, walk, with_figure
from tests.media.scenery import Place, film_place
from vigie_agent.camera_settings import MotionSettings
from vigie_agent.capture.packets import Packet, StreamInfo
from vigie_agent.motion.budget import DecodeBudget
from vigie_agent.motion.detector import MotionChange
from vigie_agent.motion.watch import MotionWatch, Seen

FOOTAGE = Path(__file__).parents[4] / "shared" / "data" / "video"


@dataclass
class Log:
    """What a watch told, and at which packet."""

    changes: list[MotionChange] = field(default_factory=list)
    told_at: list[float] = field(default_factory=list)
    shown: list[float] = field(default_factory=list)
    regions: list[object] = field(default_factory=list)
    decoding: list[float] = field(default_factory=list)

    def take(self, observation: Iterable[MotionChange | Seen], at_seconds: float) -> None:
        for one in observation:
            if isinstance(one, Seen):
                self.shown.append(one.frame.position_seconds)
                self.regions.append(one.region)
            else:
                self.changes.append(one)
                self.told_at.append(at_seconds)

    @property
    def kinds(self) -> list[str]:
        return [change.kind for change in self.changes]


def watched(watch: MotionWatch, packets: Iterable[Packet], log: Log | None = None, *, finish: bool = True) -> Log:
    log, last = log or Log(), 0.0
    for packet in packets:
        last = packet.position_seconds
        log.take(watch.feed(packet), last)
        if watch.is_decoding:
            log.decoding.append(last)
    if finish:
        log.take(watch.finish(), last)
    return log


def film_of(folder: Path, first: float, last: float, seconds: float, gop: float = 1) -> tuple[StreamInfo, list[Packet]]:
    return packets_of(make_film(folder / "film.mp4", walk(first, last), seconds=seconds, gop_seconds=gop))


def test_a_quiet_camera_has_nothing_decoded_but_keyframes(tmp_path: Path) -> None:
    stream, packets = film_of(tmp_path, 90, 91, 20)
    log = watched(MotionWatch(MotionSettings(), stream, needs_pictures=True), packets)
    assert (log.changes, log.shown, log.decoding) == ([], [], [])


def test_whoever_needs_pictures_gets_all_of_a_motion_from_before_it_was_noticed(tmp_path: Path) -> None:
    stream, packets = film_of(tmp_path, 10.3, 14, 24)
    log = watched(MotionWatch(MotionSettings(), stream, needs_pictures=True), packets)
    assert log.kinds == ["started", "ended"]
    started, ended = log.changes
    assert started.position_seconds == pytest.approx(10.3, abs=0.3)
    assert log.told_at[0] <= 11.3, "within one GOP and 0.2 s"
    assert ended.position_seconds == pytest.approx(14, abs=0.5)
    steps = [round(after - before, 2) for before, after in zip(log.shown, log.shown[1:], strict=False)]
    assert set(steps) == {0.1}, "every picture, in order, once"
    assert log.shown[0] <= 10.7
    assert log.shown[-1] >= 14
    assert any(region is not None for region in log.regions)


def test_where_nobody_needs_pictures_keyframes_tell_when_a_motion_ends(tmp_path: Path) -> None:
    stream, packets = film_of(tmp_path, 10.3, 20, 30)
    log = watched(MotionWatch(MotionSettings(), stream), packets)
    assert log.kinds == ["started", "ended"]
    assert log.changes[1].position_seconds == pytest.approx(20, abs=1.1)
    assert log.shown == []
    assert len(log.decoding) < 15, "full decoding ends once it has been told what moves"


def test_a_settled_motion_is_decoded_no_further_until_it_is_needed_again(tmp_path: Path) -> None:
    stream, packets = film_of(tmp_path, 10, 28, 40)
    watch = MotionWatch(MotionSettings(), stream, needs_pictures=True)
    log = watched(watch, packets[:150], finish=False)
    assert log.shown[-1] == pytest.approx(14.9, abs=0.11)
    watch.settle()
    watched(watch, packets[150:200], log, finish=False)
    later = [at for at in log.shown if at >= 15.5]
    assert later == pytest.approx([16, 17, 18, 19], abs=0.01), "keyframes are shown on"
    assert not watch.is_decoding
    watch.unsettle()
    watched(watch, packets[200:], log)
    steps = {round(b - a, 2) for a, b in zip(log.shown, log.shown[1:], strict=False) if a >= 20}
    assert steps == {0.1}
    assert log.kinds == ["started", "ended"]
    assert log.changes[1].position_seconds == pytest.approx(28, abs=0.5)


def test_without_a_slot_motion_is_told_at_once_and_its_pictures_are_caught_up_with(tmp_path: Path) -> None:
    stream, packets = film_of(tmp_path, 10, 14, 40)
    budget = DecodeBudget(1)
    assert budget.take(), "another camera has the slot"
    watch = MotionWatch(MotionSettings(), stream, needs_pictures=True, budget=budget)
    log = watched(watch, packets[:250], finish=False)
    assert log.kinds == ["started", "ended"]
    assert log.told_at[0] <= 11.3
    assert log.shown == []
    assert watch.is_behind
    assert not watch.is_decoding
    budget.give_back()
    watched(watch, packets[250:300], log, finish=False)
    assert log.shown[0] <= 10.5
    assert log.shown[-1] >= 14
    assert {round(b - a, 2) for a, b in zip(log.shown, log.shown[1:], strict=False)} == {0.1}
    assert not watch.is_behind
    assert budget.take(), "the slot was given back"


@pytest.mark.parametrize("room", [0, 3])
def test_what_waits_is_caught_up_with_no_faster_than_its_pictures_can_be_taken(room: int, tmp_path: Path) -> None:
    stream, packets = film_of(tmp_path, 10, 38, 40)
    budget = DecodeBudget(1)
    assert budget.take(), "another camera has the slot"
    watch = MotionWatch(MotionSettings(), stream, needs_pictures=True, budget=budget, room=lambda: room)
    log = watched(watch, packets[:250], finish=False)
    assert log.shown == []
    budget.give_back()
    counts = []
    for packet in packets[250:]:
        before = len(log.shown)
        watched(watch, [packet], log, finish=False)
        counts.append(len(log.shown) - before)
    assert max(counts) == max(1, room), "and never slower than packets come"
    watched(watch, [], log)
    assert {round(b - a, 2) for a, b in zip(log.shown, log.shown[1:], strict=False)} == {0.1}, "nothing is left out"
    assert log.shown[-1] >= 37.8


def test_what_still_waits_at_the_end_is_shown(tmp_path: Path) -> None:
    stream, packets = film_of(tmp_path, 10, 14, 16)
    budget = DecodeBudget(0)
    watch = MotionWatch(MotionSettings(), stream, needs_pictures=True, budget=budget)
    log = watched(watch, packets, finish=False)
    assert log.shown == []
    log.take(watch.finish(), 16)
    assert log.kinds == ["started", "ended"]
    assert log.shown[0] <= 10.5
    assert log.shown[-1] >= 14


def test_two_cameras_share_one_slot_and_both_are_shown_whole(tmp_path: Path) -> None:
    stream, packets = film_of(tmp_path, 10, 13, 40)
    budget = DecodeBudget(1)
    watches = [MotionWatch(MotionSettings(), stream, needs_pictures=True, budget=budget) for _ in range(2)]
    logs = [Log(), Log()]
    for packet in packets:
        for watch, log in zip(watches, logs, strict=True):
            watched(watch, [packet], log, finish=False)
        assert sum(watch.is_decoding for watch in watches) <= 1
    assert budget.refusals > 0
    for log in logs:
        assert log.kinds == ["started", "ended"]
        assert log.shown[0] <= 10.5
        assert log.shown[-1] >= 13


def test_what_waits_too_long_is_given_up_by_gops_and_counted(tmp_path: Path) -> None:
    stream, packets = film_of(tmp_path, 10, 38, 40)
    size = sum(len(packet.data) for packet in packets[100:380])
    settings = MotionSettings.model_construct(**{**MotionSettings().model_dump(), "waiting_bytes_max": size // 2})
    watch = MotionWatch(settings, stream, needs_pictures=True, budget=DecodeBudget(0))
    log = watched(watch, packets)
    assert watch.skipped_packets > 0
    assert watch.skipped_packets % 10 == 0, "whole GOPs"
    assert log.kinds == ["started", "ended"], "keyframes were judged all the same"


@pytest.mark.parametrize("period_seconds", [9.0, 11.0])
def test_who_walks_to_and_fro_from_the_first_picture_on_is_still_seen_after_five_minutes(
    period_seconds: float, tmp_path: Path
) -> None:
    scene = street()

    def pacing(at_seconds: float) -> Luma:
        way = abs(2 * (at_seconds / period_seconds % 1) - 1)
        return noisy(with_figure(scene, 0.15 + 0.6 * way, 0.3), 2.0, round(at_seconds * 1000))

    film = make_film(tmp_path / "film.mp4", pacing, seconds=300, gop_seconds=2, frames_per_second=5)
    stream, packets = packets_of(film)
    changes = watched(MotionWatch(MotionSettings(), stream), packets).changes
    told = [(a.position_seconds, b.position_seconds) for a, b in zip(changes[::2], changes[1::2], strict=True)]
    assert sum(end - start for start, end in told) >= 0.85 * 300
    assert told[-1][1] >= 290


def test_dense_traffic_from_the_first_picture_on_is_not_learnt_as_the_place(tmp_path: Path) -> None:
    scene, cars = street(), [(2.3 * index + 0.7 * (index % 3), -60 if index % 2 else 60) for index in range(80)]

    def traffic(at_seconds: float) -> Luma:
        picture = scene.copy()
        for start, contrast in cars:
            left = round((-0.25 + 1.25 * (at_seconds - start) / 2.5) * 320)
            picture[110:150, max(0, left) : max(0, min(320, left + 80))] += contrast
        return noisy(picture, 2.0, round(at_seconds * 1000))

    film = make_film(tmp_path / "film.mp4", traffic, seconds=180, gop_seconds=2, frames_per_second=5)
    stream, packets = packets_of(film)
    changes = watched(MotionWatch(MotionSettings(), stream), packets).changes
    told = [(a.position_seconds, b.position_seconds) for a, b in zip(changes[::2], changes[1::2], strict=True)]
    assert sum(max(0, end - max(start, 120)) for start, end in told) >= 0.75 * 60, "two minutes later as at first"


@pytest.mark.parametrize("seed", [100, 101])
def test_trees_that_sway_from_the_first_picture_on_are_no_motion_and_who_walks_before_them_is(
    seed: int, tmp_path: Path
) -> None:
    place = Place(
        seed,
        has_trees=True,
        width_px=640,
        height_px=360,
        frames_per_second=5,
        events=1,
        first_event_seconds=45.0,
        gop_seconds=2.0,
    )
    (event,) = film_place(place, tmp_path / "film.mp4")
    stream, packets = packets_of(tmp_path / "film.mp4")
    changes = watched(MotionWatch(MotionSettings(), stream), packets).changes
    assert [change.kind for change in changes] == ["started", "ended"]
    assert event.start - 0.5 <= changes[0].position_seconds <= event.end


def test_with_rare_keyframes_it_sees_what_comes_and_goes_between_them(tmp_path: Path) -> None:
    stream, packets = film_of(tmp_path, 11, 14, 20, gop=5)
    log = watched(MotionWatch(MotionSettings(), stream, budget=DecodeBudget(0)), packets)
    assert log.kinds == ["started", "ended"]
    assert log.changes[0].position_seconds == pytest.approx(11, abs=0.5)


def test_keyframes_that_stop_coming_are_not_waited_for(tmp_path: Path) -> None:
    stream, packets = film_of(tmp_path, 14, 17, 22)
    smart = [packet for packet in packets if packet.position_seconds < 4.95]
    _stream, long = packets_of(make_film(tmp_path / "long.mp4", walk(14, 17), seconds=22, gop_seconds=30))
    log = watched(MotionWatch(MotionSettings(), stream), [*smart[:1], *long[1:]])
    assert log.kinds == ["started", "ended"]
    assert log.changes[0].position_seconds == pytest.approx(14, abs=0.5)


def test_damaged_keyframes_are_counted_and_the_rest_is_watched(tmp_path: Path) -> None:
    stream, packets = film_of(tmp_path, 10, 13, 20)
    broken = [replace(one, data=one.data[:9]) if 3.5 < one.position_seconds < 5.5 else one for one in packets]
    watch = MotionWatch(MotionSettings(), stream)
    assert watched(watch, broken).kinds == ["started", "ended"]
    assert watch.corrupt_packets == 2


def test_a_mask_hides_what_moves_in_it_and_a_zone_all_that_moves_elsewhere(tmp_path: Path) -> None:
    stream, packets = film_of(tmp_path, 10, 13, 20)
    below = ((0.0, 0.55), (1.0, 1.0))
    above = ((0.0, 0.0), (1.0, 0.0), (1.0, 0.5), (0.0, 0.5))
    assert watched(MotionWatch(MotionSettings(), stream, masks=[below]), packets).changes == []
    assert watched(MotionWatch(MotionSettings(), stream, zones=[above]), packets).changes == []
    assert watched(MotionWatch(MotionSettings(), stream, zones=[below], masks=[above]), packets).changes


@pytest.mark.parametrize("name", ["car-detection", "lown_cbr", "one-by-one-person-detection", "road_sub", "road_hevc"])
def test_real_passages_are_found_within_a_gop_and_little_else(name: str) -> None:
    film, truth = FOOTAGE / f"{name}.mp4", FOOTAGE / "truth" / f"{name}.json"
    if not film.exists():
        pytest.skip(f"{film.name} is not here: put the footage into {FOOTAGE}")
    stream, packets = packets_of(film)
    log = watched(MotionWatch(MotionSettings(), stream), packets)
    begun = packets[0].position_seconds
    found = [
        (told - begun, start.position_seconds - begun, end.position_seconds - begun)
        for told, start, end in zip(log.told_at[::2], log.changes[::2], log.changes[1::2], strict=True)
    ]
    for event in json.loads(truth.read_text())["events"]:
        hits = [told for told, start, end in found if start <= event["end"] and event["start"] <= end]
        assert hits, f"nothing was found at {event['start']} s"
        assert min(hits) <= event["start"] + 2.2
    spans = json.loads(truth.read_text())
    known = [(one["start"] - 0.5, one["end"] + 1.0) for one in spans["events"] + spans["dontcare"]]
    strays = [(a, b) for _told, a, b in found if not any(x <= b and a <= y for x, y in known)]
    assert sum(end - start for _told, start, end in found if (start, end) in strays) <= 0.5
