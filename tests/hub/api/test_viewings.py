from vigie_hub.api.viewings import VIEWING_SECONDS, Viewings


def test_requests_without_a_pause_are_one_viewing() -> None:
    viewings, now = Viewings(), 0.0
    assert viewings.begins("a", now)
    for _ in range(5):
        now += VIEWING_SECONDS
        assert not viewings.begins("a", now)
    assert viewings.begins("a", now + VIEWING_SECONDS + 1)


def test_each_viewer_has_a_viewing_of_his_own() -> None:
    viewings = Viewings()
    assert viewings.begins(("amal", "clip"), 0)
    assert viewings.begins(("badr", "clip"), 0)
    assert viewings.begins(("amal", "other"), 0)


def test_what_does_not_fit_is_noted_again_and_never_missed() -> None:
    viewings = Viewings(viewings_max=2)
    assert [viewings.begins(key, 0) for key in "abc"] == [True, True, True]
    assert viewings.begins("a", 1)
