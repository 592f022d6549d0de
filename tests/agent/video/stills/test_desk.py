"""An agent answers whoever asks for stills over a real nats-server: one stream a camera, a bounded number of them."""

import asyncio
from pathlib import Path

import pytest
from nats.aio.client import Client

from tests.hub.agents import until
from tests.hub.video.agents import AGENT_ID
from tests.hub.video.live_agents import CAMERA_ID, film_camera, stills_agent
from vigie_agent.video.stills import stream
from vigie_shared import subjects
from vigie_shared.commands import Refused
from vigie_shared.stills import Still, StillWish, decode_reply


async def ask(connection: Client, wish: StillWish | bytes) -> Still | Refused:
    payload = wish if isinstance(wish, bytes) else wish.model_dump_json().encode()
    return decode_reply((await connection.request(subjects.still(AGENT_ID), payload, timeout=30)).data)


async def test_a_wish_is_answered_until_nobody_looks(connection: Client, tmp_path: Path) -> None:
    async with film_camera(tmp_path) as camera, stills_agent(connection, camera) as (desk, light):
        still = await ask(connection, StillWish(camera_id=CAMERA_ID))
        assert isinstance(still, Still)
        assert (desk.stream_count, light.watchers()) == (1, {CAMERA_ID: 1})
        nobody = StillWish(camera_id=CAMERA_ID, viewers=0).model_dump_json().encode()
        await connection.publish(subjects.still(AGENT_ID), nobody)
        again = await ask(connection, StillWish(camera_id=CAMERA_ID))
        assert isinstance(again, Still)
        assert again.head.number == 1, "whoever comes at the same moment has a stream of their own"
        await connection.publish(subjects.still(AGENT_ID), nobody)

        async def is_dark() -> bool:
            return light.watchers() == {} and desk.stream_count == 0

        await until(is_dark)


async def test_a_hub_that_died_leaves_no_stream_behind(
    connection: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "LEASE_SECONDS", 0.05)
    async with film_camera(tmp_path) as camera, stills_agent(connection, camera) as (desk, light):
        assert isinstance(await ask(connection, StillWish(camera_id=CAMERA_ID)), Still)

        async def is_dark() -> bool:
            return light.watchers() == {} and desk.stream_count == 0

        await until(is_dark)
        assert isinstance(await ask(connection, StillWish(camera_id=CAMERA_ID)), Still)


async def test_what_cannot_be_shown_is_refused_in_words(connection: Client, tmp_path: Path) -> None:
    async with film_camera(tmp_path) as camera, stills_agent(connection, camera) as (desk, _light):
        unknown = await ask(connection, StillWish(camera_id="attic"))
        assert isinstance(unknown, Refused)
        assert (unknown.reason, unknown.retryable) == ("this agent has no camera attic", False)
        garbage = await ask(connection, b"{")
        assert isinstance(garbage, Refused)
        desk._streams_max = 0
        full = await ask(connection, StillWish(camera_id=CAMERA_ID))
        assert isinstance(full, Refused)
        assert full.retryable
        assert desk.stream_count == 0


async def test_what_breaks_in_one_stream_is_logged_and_the_next_wish_is_answered(
    connection: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with film_camera(tmp_path) as camera, stills_agent(connection, camera) as (desk, _light):
        with monkeypatch.context() as broken:
            broken.setattr(stream, "StillHead", None)
            wish = StillWish(camera_id=CAMERA_ID).model_dump_json().encode()
            await connection.publish(subjects.still(AGENT_ID), wish, reply="nobody")

            async def has_failed() -> bool:
                return "stills_failed" in capsys.readouterr().out

            await until(has_failed)
        assert desk.stream_count == 0
        assert isinstance(await ask(connection, StillWish(camera_id=CAMERA_ID)), Still)


async def test_a_connection_that_ends_ends_all_streams(connection: Client, tmp_path: Path) -> None:
    async with film_camera(tmp_path) as camera, stills_agent(connection, camera) as (_desk, light):
        assert isinstance(await ask(connection, StillWish(camera_id=CAMERA_ID)), Still)
        assert light.watchers() == {CAMERA_ID: 1}
    assert light.watchers() == {}
    await asyncio.sleep(0)
