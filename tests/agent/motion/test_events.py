"""Drawn places with their truth: the short form of `vigie bench motion --events 300`."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.agent.capture.films import packets_of
from tests.media.scenery import Film, Place, film_place, places
from vigie_agent.camera_settings import MotionSettings
from vigie_agent.motion.detector import MotionChange
from vigie_agent.motion.watch import MotionWatch

SMALL = Place(
    seed=0, width_px=640, height_px=360, frames_per_second=10, events=4, first_event_seconds=24.0, gop_seconds=2.0
)
PLACES = [
    replace(SMALL, seed=7, has_trees=True, has_rain=True, has_shake=True, rate="cbr"),
    replace(SMALL, seed=8, is_night=True, gop_seconds=1.0, person_px=36),
]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_all_who_pass_are_found_within_a_gop_and_nothing_else(place: Place, tmp_path: Path) -> None:
    events = film_place(place, tmp_path / "film.mp4")
    stream, packets = packets_of(tmp_path / "film.mp4")
    watch = MotionWatch(MotionSettings(), stream)
    told = [
        (one, packet.position_seconds)
        for packet in packets
        for one in watch.feed(packet)
        if isinstance(one, MotionChange)
    ]
    told += [(one, packets[-1].position_seconds) for one in watch.finish() if isinstance(one, MotionChange)]
    found = [
        (start.position_seconds, end.position_seconds, at)
        for (start, at), (end, _at) in zip(told[::2], told[1::2], strict=True)
    ]
    for event in events:
        hits = [at for start, end, at in found if start <= event.end and event.start <= end]
        assert hits, f"{event} was not found"
        assert min(hits) - event.start <= place.gop_seconds + 0.2
    for start, end, _at in found:
        assert any(start <= event.end and event.start - 0.3 <= end for event in events), f"{start} to {end} s"


def test_300_events_are_drawn_in_every_light_weather_rate_and_size() -> None:
    drawn = list(places(300))
    assert sum(place.events for place in drawn) >= 300
    assert len({place.name for place in drawn}) == len(drawn)
    for trait in ("is_night", "has_rain", "has_trees", "has_shake", "has_switch", "rate", "gop_seconds", "width_px"):
        assert len({getattr(place, trait) for place in drawn}) == 2, trait
    assert sum(place.person_px == 70 for place in drawn) >= 6
    assert all(event.end - event.start >= 2 for place in drawn[:3] for event in Film(place).events)


def test_a_film_is_drawn_the_same_each_time_and_moves_only_where_the_truth_says() -> None:
    place = replace(SMALL, seed=3)
    film, again = Film(place), Film(place)
    first = film.events[0]
    middle = (first.start + first.end) / 2
    assert (film.draw(middle) == again.draw(middle)).all()
    still = film.draw(first.start - 0.1).astype(int)
    shown = film.draw(middle).astype(int)
    noise = film.draw(first.start - 0.2).astype(int)
    rows = slice(40, None)  # below the clock
    assert np.percentile(np.abs(shown - still)[rows], 99.5) > 12
    assert np.percentile(np.abs(noise - still)[rows], 99.5) < 12
