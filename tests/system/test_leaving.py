"""What an agent that ends has just seen is at the hub before it is gone, with real processes."""

import json
import signal
from pathlib import Path

import pytest

from tests.media.films import make_film, walk
from tests.system.test_enrolment import House, until
from vigie_agent.cli import read_status


@pytest.mark.timeout(300)
def test_the_clip_that_is_open_when_an_agent_ends_is_at_the_hub_before_it_is_gone(tmp_path: Path) -> None:
    house = House(tmp_path)
    film = make_film(tmp_path / "film.mp4", walk(2.0, 600), seconds=60)
    with house.agent_settings.open("a") as settings:
        settings.write(f'[[cameras]]\ncamera_id = "c"\nsource = {json.dumps(str(film))}\n[plates]\nenabled = false\n')
    data = tmp_path / "gate-1"
    try:
        hub = house.start("hub", "--embedded-nats")
        assert hub.stdout is not None
        assert "https://" in hub.stdout.readline()
        agent = house.start("agent")
        house.say("agent", "enrol", house.say("hub", "enrol", "gate-1")["code"])
        until(lambda: house.link() == "up" and read_status(data)["motion_events"] == 1)
        assert read_status(data)["clips"] == 0, "the clip is open"
        agent.send_signal(signal.SIGTERM)
        assert agent.wait() == 0
    finally:
        house.close()
    status = read_status(data)
    assert status["clips"] == status["newest"]["clip"] == 1
    assert status["receipted"] == status["newest"]
