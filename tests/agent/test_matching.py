"""Hotlists put together from settings."""

from pathlib import Path

from tests.agent.store.samples import FixedClock, open_store
from vigie_agent.matching import hotlists_of
from vigie_agent.settings import AgentSettings


def test_lists_are_followed_as_the_settings_say(tmp_path: Path) -> None:
    settings = AgentSettings.model_validate({"agent_id": "edge", "data_dir": tmp_path, "hotlists": {"lists": ["city"]}})
    store = open_store(tmp_path)
    lists, _desk, _looking_back = hotlists_of(settings, store, FixedClock())
    assert lists.list_ids == ("city",)
    store.close()
