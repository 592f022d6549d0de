"""Which picture is due when: at any speed, after any steering, and with what it costs bounded."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from random import Random

import pytest

from vigie_agent.clips.samples import Sample
from vigie_agent.video.playback.playable import Gop, PlayableClip
from vigie_agent.video.playback.schedule import Hold, Over, PlaybackSchedule, Read, Show

GOP_SECONDS = 1.0
FRAMES = 10
KEY_BYTES, OTHER_BYTES = 20_000, 1_000


def clip(gops: int = 10, gop_bytes: int = KEY_BYTES + (FRAMES - 1) * OTHER_BYTES) -> PlayableClip:
    return PlayableClip(
        clip_id="c" * 22,
        camera_id="gate",
        motion_id="m" * 22,
        at=datetime(2026, 3, 1, tzinfo=UTC),
        duration_seconds=gops * GOP_SECONDS,
        codec="h264",
        width_px=640,
        height_px=360,
        is_finished=True,
        gops=tuple(Gop(number + 1, number * GOP_SECONDS, gop_bytes) for number in range(gops)),
    )


def gop(number: int, key_bytes: int = KEY_BYTES) -> list[Sample]:
    """Ten pictures a second, each shown when it is decoded."""
    times = [round(number * GOP_SECONDS + index / FRAMES, 3) for index in range(FRAMES)]
    return [Sample(bytes(OTHER_BYTES if index else key_bytes), index == 0, at, at) for index, at in enumerate(times)]


def reordered(number: int) -> list[Sample]:
    """I P B P B …: every second picture is shown before the one that it was decoded after."""
    plain = gop(number)
    order = [0, *(index for pair in range(1, FRAMES - 1, 2) for index in (pair + 1, pair)), FRAMES - 1]
    return [
        replace(
            plain[index], decoded_seconds=plain[place].decoded_seconds, shown_seconds=plain[index].shown_seconds + 0.1
        )
        for place, index in enumerate(order)
    ]


class Viewer:
    """Takes pictures when they are due, on a clock that only it moves."""

    def __init__(self, schedule: PlaybackSchedule, gops: Callable[[int], Sequence[Sample]] = gop) -> None:
        self.schedule = schedule
        self.gops = gops
        self.now_seconds = 100.0
        self.reads: list[int] = []
        self.shown: list[Show] = []

    def run(self, *, until_seconds: float = 1e9, pictures: int = 10_000) -> str:
        """Until it holds, is over, or that many pictures were shown."""
        for _step in range(100_000):
            match self.schedule.next(self.now_seconds):
                case Read(number):
                    self.reads.append(number)
                    self.schedule.feed(number, self.gops(number))
                case Show() as show:
                    if show.due_seconds > until_seconds:
                        self.now_seconds = until_seconds
                        return "time"
                    self.now_seconds = max(self.now_seconds, show.due_seconds)
                    self.schedule.advance(show)
                    self.shown.append(show)
                    pictures -= show.is_goal
                    if not pictures:
                        return "pictures"
                case Hold():
                    return "hold"
                case Over():
                    return "over"
        raise AssertionError("it goes on for ever")

    def goals(self) -> list[float]:
        return [show.sample.shown_seconds for show in self.shown if show.is_goal]

    def dues(self) -> list[float]:
        return [show.due_seconds for show in self.shown]


@pytest.mark.parametrize("rate", [0.25, 0.5, 1.0, 1.5, 2.0])
def test_every_picture_is_shown_in_time_up_to_twice_the_speed(rate: float) -> None:
    viewer = Viewer(PlaybackSchedule(clip(), rate=rate))
    assert viewer.run() == "over"
    assert viewer.goals() == [number / FRAMES for number in range(100)]
    steps = [after - before for before, after in pairwise(viewer.dues())]
    assert steps == pytest.approx([1 / FRAMES / rate] * 99)
    assert viewer.reads == list(range(10))


@pytest.mark.parametrize("rate", [4.0, 8.0])
def test_faster_than_that_keyframes_pass_at_the_same_pace(rate: float) -> None:
    viewer = Viewer(PlaybackSchedule(clip(40), rate=rate))
    assert viewer.run() == "over"
    assert all(show.sample.is_keyframe and show.is_alone for show in viewer.shown)
    lasted = viewer.dues()[-1] - viewer.dues()[0]
    assert lasted == pytest.approx(39 / rate, rel=0.05)


def test_keyframes_are_thinned_where_they_are_large_or_close() -> None:
    large = 400_000
    index = clip(60, gop_bytes=large + 1000)
    viewer = Viewer(PlaybackSchedule(index, rate=8.0), lambda number: gop(number, large)[:2])
    assert viewer.run() == "over"
    seconds = viewer.dues()[-1] - viewer.dues()[0]
    sent = sum(8 * len(show.sample.data) for show in viewer.shown[1:])
    assert sent / seconds <= 2.1 * index.bits_per_second
    assert len(viewer.reads) == len(viewer.shown), "what is not shown is not read"
    close = [Gop(number + 1, number / 50, 2000) for number in range(3000)]
    dense = replace(index, gops=tuple(close), duration_seconds=60.0)
    keys = Viewer(
        PlaybackSchedule(dense, rate=8.0), lambda number: [Sample(bytes(2000), True, number / 50, number / 50)]
    )
    assert keys.run() == "over"
    assert len(keys.shown) / (keys.dues()[-1] - keys.dues()[0]) <= 8.5


def test_a_seek_shows_the_picture_of_that_time_after_those_it_builds_on() -> None:
    viewer = Viewer(PlaybackSchedule(clip()))
    viewer.run(pictures=3)
    viewer.schedule.seek(7.55)
    before = len(viewer.shown)
    viewer.run(pictures=1)
    burst = viewer.shown[before:]
    assert [show.sample.shown_seconds for show in burst] == [7.0, 7.1, 7.2, 7.3, 7.4, 7.5]
    assert [show.is_goal for show in burst] == [False] * 5 + [True]
    assert burst[0].sample.is_keyframe
    assert [after - at for at, after in pairwise(show.due_seconds for show in burst)] == pytest.approx([0.001] * 5)
    viewer.run(pictures=2)
    assert viewer.goals()[-2:] == [7.6, 7.7]
    assert viewer.shown[-1].due_seconds - viewer.shown[-3].due_seconds == pytest.approx(0.2)


def test_seeking_reads_one_part_only() -> None:
    viewer = Viewer(PlaybackSchedule(clip(100), at_seconds=93.4))
    viewer.run(pictures=1)
    assert viewer.reads == [93]
    viewer.schedule.seek(93.1)
    viewer.run(pictures=1)
    assert viewer.reads == [93]


@pytest.mark.parametrize(("gops", "delay"), [(gop, 0.0), (reordered, 0.1)], ids=["plain", "B-frames"])
def test_steps_show_one_picture_after_the_other_in_both_directions(
    gops: Callable[[int], list[Sample]], delay: float
) -> None:
    viewer = Viewer(PlaybackSchedule(clip(), at_seconds=1.85 + delay), gops)
    viewer.run(pictures=1)
    for _step in range(4):
        viewer.schedule.step(1)
        assert viewer.run() == "hold"
    assert viewer.goals() == pytest.approx([at + delay for at in (1.8, 1.9, 2.0, 2.1, 2.2)])
    for _step in range(4):
        viewer.schedule.step(-1)
        assert viewer.run() == "hold"
    assert viewer.goals()[5:] == pytest.approx([at + delay for at in (2.1, 2.0, 1.9, 1.8)])


def test_steps_end_where_the_clip_does() -> None:
    viewer = Viewer(PlaybackSchedule(clip(2), at_seconds=1.9))
    viewer.run(pictures=1)
    viewer.schedule.step(1)
    assert viewer.run() == "hold"
    viewer.schedule.seek(0.0)
    viewer.run()
    viewer.schedule.step(-1)
    assert viewer.run() == "hold"
    assert viewer.goals() == [1.9, 0.0]


def test_nothing_is_shown_while_paused_and_it_goes_on_without_hurry() -> None:
    viewer = Viewer(PlaybackSchedule(clip()))
    viewer.run(pictures=5)
    viewer.schedule.pause(True)
    assert viewer.run() == "hold"
    viewer.now_seconds += 60
    viewer.schedule.pause(False)
    viewer.run(pictures=3)
    assert viewer.goals()[-3:] == [0.5, 0.6, 0.7]
    assert viewer.dues()[-3] == pytest.approx(viewer.now_seconds - 0.2)
    viewer.schedule.pause(True)
    viewer.schedule.seek(5.0)
    assert viewer.run() == "hold"
    assert viewer.goals()[-1] == 5.0, "a seek shows its picture while paused too"


def test_who_cannot_decode_gets_a_keyframe_and_the_same_picture() -> None:
    viewer = Viewer(PlaybackSchedule(clip(), at_seconds=3.3))
    viewer.run(pictures=1)
    viewer.schedule.pause(True)
    before = len(viewer.shown)
    viewer.schedule.renew()
    assert viewer.run() == "hold"
    assert [show.sample.shown_seconds for show in viewer.shown[before:]] == [3.0, 3.1, 3.2, 3.3]


def test_a_reader_that_is_too_slow_makes_it_slower_and_loses_no_picture() -> None:
    schedule = PlaybackSchedule(clip())

    def slow(number: int) -> list[Sample]:
        viewer.now_seconds += 2.0
        return gop(number)

    viewer = Viewer(schedule, slow)
    assert viewer.run() == "over"
    assert viewer.goals() == [number / FRAMES for number in range(100)]


def test_what_is_still_being_recorded_goes_on_and_another_clip_begins_anew() -> None:
    schedule = PlaybackSchedule(clip(2))
    viewer = Viewer(schedule)
    assert viewer.run() == "over"
    schedule.extend(clip(3))
    assert viewer.run() == "over"
    assert viewer.goals()[-1] == 2.9
    schedule.open(replace(clip(5), clip_id="d" * 22), 1.0)
    assert viewer.run() == "over"
    assert viewer.goals()[30] == 1.0
    schedule.stay()
    assert viewer.run() == "hold"
    schedule.seek(4.0)
    assert viewer.run(pictures=1) == "pictures"


def test_an_empty_clip_has_nothing_to_show() -> None:
    schedule = PlaybackSchedule(clip(0))
    assert schedule.next(0.0) == Over()
    schedule.stay()
    assert schedule.next(0.0) == Hold()


@pytest.mark.parametrize("seed", range(20))
def test_whatever_somebody_does_times_never_fall_and_each_picture_can_be_decoded(seed: int) -> None:
    chance = Random(seed)
    gops = chance.choice([gop, reordered])
    viewer = Viewer(PlaybackSchedule(clip()), gops)
    schedule = viewer.schedule
    for _turn in range(60):
        viewer.run(pictures=chance.randint(1, 12))
        do = chance.randrange(6)
        match do:
            case 0:
                schedule.seek(chance.uniform(-1, 12))
            case 1:
                schedule.set_rate(chance.choice([0.25, 1.0, 2.0, 4.0, 8.0]))
            case 2:
                schedule.step(chance.choice([-1, 1]))
            case 3:
                schedule.pause(chance.random() < 0.3)
            case 4:
                schedule.renew()
            case 5:
                viewer.now_seconds += chance.uniform(0, 3)
    assert all(after >= before for before, after in pairwise(viewer.dues()))
    decoded: tuple[int, int] | None = None
    for show in viewer.shown:
        number = int(show.sample.decoded_seconds + 1e-6)
        place = gops(number).index(show.sample)
        assert place == 0 or decoded == (number, place - 1), "a picture without what it builds on"
        decoded = (number, place)


def test_thinned_it_shows_keyframes_alone_in_their_time_and_what_the_link_carries() -> None:
    schedule = PlaybackSchedule(clip())
    schedule.thin(8 * KEY_BYTES / 2)  # a keyframe takes two seconds
    viewer = Viewer(schedule)
    assert viewer.run() == "over"
    shown = [show.sample.shown_seconds for show in viewer.shown]
    assert all(show.sample.is_keyframe for show in viewer.shown)
    assert shown == [0, 2, 4, 6, 8, 9]
    dues = [show.due_seconds for show in viewer.shown]
    assert [after - before for before, after in pairwise(dues)] == pytest.approx([2, 2, 2, 2, 1])


def test_thinned_steps_and_seeks_go_to_keyframes() -> None:
    schedule = PlaybackSchedule(clip())
    schedule.thin(50_000)
    viewer = Viewer(schedule)
    schedule.pause(True)
    schedule.seek(4.7)
    assert viewer.run() == "hold"
    for frames in (1, 1, -1):
        schedule.step(frames)
        assert viewer.run() == "hold"
    assert [show.sample.shown_seconds for show in viewer.shown] == [4, 5, 6, 5]


def test_once_it_is_no_longer_thinned_all_pictures_follow_the_keyframe() -> None:
    schedule = PlaybackSchedule(clip())
    schedule.thin(50_000)
    viewer = Viewer(schedule)
    viewer.run(pictures=2)
    schedule.thin(None)
    viewer.run(pictures=3)
    last = viewer.shown[-4:]
    assert last[0].sample.is_keyframe
    steps = [after.sample.shown_seconds - before.sample.shown_seconds for before, after in pairwise(last)]
    assert steps == pytest.approx([1 / FRAMES] * 3)
