"""Cameras put together from settings."""

from vigie_agent.camera_settings import PlateSettings
from vigie_agent.watching import reading_settings


def test_plates_are_read_as_the_settings_say() -> None:
    section = PlateSettings(frames_per_second_max=2, reads_per_second_max=3, confidence_min=0.9, kinds=("civil", "ww"))
    found = reading_settings(section)
    assert (found.frames_per_second, found.reads_per_second, found.kinds) == (2, 3, ("civil", "ww"))
    assert found.vote.certain_from == 0.9
