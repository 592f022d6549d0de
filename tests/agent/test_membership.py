import asyncio
import secrets
from pathlib import Path

import nkeys
import pytest

from tests.agent.uplink.hub import membership as given
from vigie_agent import membership
from vigie_agent.credentials import Credentials, save
from vigie_agent.keys import AgentKey
from vigie_shared.errors import SettingsError


def new_key(prefix: int = nkeys.PREFIX_BYTE_USER) -> AgentKey:
    return AgentKey(nkeys.encode_seed(secrets.token_bytes(32), prefix).decode())


async def test_agent_that_runs_alone_follows_its_hub_once_it_is_enrolled_and_another_one_after_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(membership, "LOOK_SECONDS", 0.01)
    served: asyncio.Queue[str] = asyncio.Queue()
    ended: asyncio.Queue[str] = asyncio.Queue()

    async def serve(credentials: Credentials) -> None:
        served.put_nowait(credentials.membership.hub_key)
        try:
            await asyncio.Event().wait()
        finally:
            ended.put_nowait(credentials.membership.hub_key)

    following = asyncio.create_task(membership.follow(tmp_path, "edge", new_key(), serve))
    first = given("nats://127.0.0.1:1")
    second = first.model_copy(update={"hub_key": new_key(nkeys.PREFIX_BYTE_SERVER).public_key})
    async with asyncio.timeout(20):
        for hub in (first, second):
            await asyncio.to_thread(save, tmp_path, hub)
            assert await served.get() == hub.hub_key
        assert await ended.get() == first.hub_key
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    assert await ended.get() == second.hub_key


async def test_fault_of_what_follows_the_hub_is_not_hidden(tmp_path: Path) -> None:
    await asyncio.to_thread(save, tmp_path, given("nats://127.0.0.1:1"))

    async def serve(_credentials: Credentials) -> None:
        raise SettingsError("broken")

    with pytest.raises(SettingsError, match="broken"):
        await membership.follow(tmp_path, "edge", new_key(), serve)


def test_folder_of_another_agent_is_one_line(tmp_path: Path) -> None:
    save(tmp_path, given("nats://127.0.0.1:1", "other"))
    with pytest.raises(SettingsError, match="is enrolled as agent other") as caught:
        membership.load(tmp_path, "edge")
    assert "\n" not in str(caught.value)
