"""Where something moves is looked at first, then where plates were seen, and the whole frame now and then."""

import pytest

from vigie_agent.plates.gaze import Gaze, View
from vigie_agent.reading import Region

FRAME = (3840, 2160)
WHOLE: View = (0, 0, *FRAME)
GATE: Region = (0.1, 0.4, 0.2, 0.5)
SEEN = (3000.0, 1500.0, 3100.0, 1522.0)


def covers(view: View, box: tuple[float, float, float, float]) -> bool:
    return view[0] < box[0] and view[1] < box[1] and box[2] < view[2] and box[3] < view[3]


def looks(gaze: Gaze, count: int, region: Region | None = GATE, start: float = 0.0) -> list[list[View]]:
    return [gaze.views(start + 0.2 * number, FRAME, region) for number in range(count)]


def test_the_whole_frame_is_looked_at_while_nobody_says_where_something_moves() -> None:
    assert looks(Gaze(), 6, None) == [[WHOLE]] * 6


def test_what_moves_is_looked_at_with_what_surrounds_it() -> None:
    (view,) = Gaze().views(0.0, FRAME, GATE)
    left, top, right, bottom = view
    assert left < 0.1 * 3840 < 0.2 * 3840 < right
    assert top < 0.4 * 2160 < 0.5 * 2160 < bottom
    assert right - left < 0.2 * 3840


def test_the_whole_frame_is_looked_at_now_and_then_wherever_something_moves() -> None:
    wholes = [WHOLE in views for views in looks(Gaze(), 20)]
    assert 0 < sum(wholes) <= len(wholes) / 4


@pytest.mark.parametrize("region", [(0.0, 0.0, 0.9, 1.0), (0.5, 0.5, 0.5, 0.5), (0.1, 0.1, 0.7, 0.9)])
def test_a_region_that_is_nothing_or_nearly_all_is_the_whole_frame(region: Region) -> None:
    assert Gaze().views(0.0, FRAME, region) == [WHOLE]


@pytest.mark.parametrize("region", [(0.0, 0.0, 0.01, 0.01), (0.99, 0.99, 1.0, 1.0), (0.5, 0.5, 0.501, 0.501)])
def test_no_view_leaves_the_frame_or_is_smaller_than_what_is_seen_at_once(region: Region) -> None:
    (view,) = Gaze().views(0.0, FRAME, region)
    left, top, right, bottom = view
    assert 0 <= left < right <= 3840
    assert 0 <= top < bottom <= 2160
    assert (right - left, bottom - top) == (320, 192)


def test_a_small_frame_has_views_within_it() -> None:
    for views in (Gaze().views(0.0, (160, 90), (0.0, 0.0, 0.1, 0.1)), Gaze().views(0.0, (1, 1), (0.0, 0.0, 1.0, 1.0))):
        assert views in ([(0, 0, 160, 90)], [(0, 0, 1, 1)])


def test_where_plates_were_seen_is_looked_at_beside_what_moves_though_not_in_every_frame() -> None:
    gaze = Gaze()
    gaze.saw(0.0, FRAME, [SEEN])
    remembered = [any(covers(view, SEEN) for view in views if view != WHOLE) for views in looks(gaze, 40, start=1.0)]
    assert 5 <= sum(remembered) <= 20


def test_no_frame_is_looked_at_in_more_than_two_views() -> None:
    gaze = Gaze()
    for number in range(30):
        left = 100.0 * number
        gaze.saw(float(number), FRAME, [(left, 1000.0, left + 60, 1014.0)])
    assert max(len(views) for views in looks(gaze, 50, start=30.0)) == 2


def test_a_place_within_what_moves_is_not_looked_at_twice() -> None:
    gaze = Gaze()
    gaze.saw(0.0, FRAME, [(500.0, 950.0, 560.0, 964.0)])
    assert all(len(views) == 1 for views in looks(gaze, 20, start=1.0))


def test_where_more_plates_were_seen_is_looked_at_first_and_the_others_get_their_turn() -> None:
    gaze = Gaze()
    rare = (200.0, 1900.0, 260.0, 1914.0)
    for number in range(20):
        gaze.saw(0.1 * number, FRAME, [SEEN] if number else [SEEN, rare])
    first, *others = (views[1] for views in looks(gaze, 20, start=3.0) if len(views) == 2)
    assert covers(first, SEEN)
    assert any(covers(view, rare) for view in others)


def test_a_place_is_forgotten() -> None:
    gaze = Gaze()
    gaze.saw(0.0, FRAME, [SEEN])
    gaze.saw(6 * 3600.0, FRAME, [])
    assert all(len(views) == 1 for views in looks(gaze, 20, start=6 * 3600.0))


def test_a_clock_set_back_does_not_stop_looking_at_places() -> None:
    gaze = Gaze()
    gaze.saw(1000.0, FRAME, [SEEN])
    assert any(len(views) == 2 for views in looks(gaze, 5, start=0.0))


def test_a_picture_that_became_smaller_has_no_places_beyond_its_edge() -> None:
    gaze = Gaze()
    gaze.saw(0.0, FRAME, [SEEN])
    for number in range(10):
        for view in gaze.views(1.0 + number, (1280, 720), GATE):
            assert view[2] <= 1280
            assert view[3] <= 720
