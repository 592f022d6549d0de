"""`vigie hub live` looks as a viewer does: over HTTP and WebRTC, at a camera that plays."""

import asyncio
import io
import json
from pathlib import Path

import pytest
from nats.aio.client import Client

from tests.hub.api.stage import NAME, PASSWORD, camera, serving, stage
from tests.hub.video.agents import AGENT_ID
from tests.hub.video.conftest import connection
from tests.hub.video.live_agents import CAMERA_ID, film_camera, live_agent, stills_agent
from tests.servers.nats_server import nats_server
from vigie_hub.cli import main
from vigie_shared.errors import CommandError

__all__ = ["connection", "nats_server"]


def look(folder: Path, url: str, *options: str) -> int:
    """The command, in a thread of its own as in a process of its own."""
    settings = folder / "hub.toml"
    settings.write_text(f'data_dir = "{folder / "data"}"\n[api]\nport = {url.rpartition(":")[2]}\n', encoding="utf-8")
    arguments = [*options, "--user", NAME, "--reason", "Case 114", "--settings", str(settings), "--seconds", "1.5"]
    return main(["live", *arguments])


async def test_it_says_how_a_camera_comes_through(
    connection: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n"))
    async with stage(tmp_path, connection) as hub, film_camera(tmp_path) as film, live_agent(connection, film):
        running = asyncio.create_task(hub.watching.run())
        await hub.enrol(AGENT_ID, [camera(CAMERA_ID, "Main gate")])
        async with serving(hub) as url:
            capsys.readouterr()
            options = (f"{AGENT_ID}/{CAMERA_ID}", "--json", "--stats")
            assert await asyncio.to_thread(look, tmp_path, url, *options) == 0
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    told = capsys.readouterr()
    (line,) = [line for line in told.out.splitlines() if line.startswith("{")]
    found = json.loads(line)
    assert found["rung"] == "main"
    assert (found["width_px"], found["height_px"]) == (320, 180)
    assert found["frames"] > 10
    assert found["frames_per_second"] > 5
    assert found["first_frame_ms"] > 0
    assert "frames/s" in told.err


async def test_it_says_how_a_camera_comes_through_without_a_media_connection(
    connection: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n"))
    async with stage(tmp_path, connection) as hub, film_camera(tmp_path) as film, stills_agent(connection, film):
        running = asyncio.create_task(hub.looking.run())
        await hub.enrol(AGENT_ID, [camera(CAMERA_ID, "Main gate")])
        async with serving(hub) as url:
            capsys.readouterr()
            options = (f"{AGENT_ID}/{CAMERA_ID}", "--quality", "jpeg", "--stats", "--json")
            assert await asyncio.to_thread(look, tmp_path, url, *options) == 0
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert [row[1] for row in await hub.audited()] == ["viewing_started", "viewing_ended"]
    told = capsys.readouterr()
    (line,) = [line for line in told.out.splitlines() if line.startswith("{")]
    found = json.loads(line)
    assert (found["rung"], found["width_px"], found["height_px"]) == ("jpeg", 320, 180)
    assert found["frames"] >= 1
    assert found["first_frame_ms"] > 0


async def test_a_wrong_password_and_an_unknown_camera_are_said_in_one_line(
    connection: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage(tmp_path, connection) as hub, serving(hub) as url:
        monkeypatch.setattr("sys.stdin", io.StringIO("wrong\n"))
        with pytest.raises(CommandError, match="Name or password is wrong"):
            await asyncio.to_thread(look, tmp_path, url, "gate/in")
        monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n"))
        with pytest.raises(CommandError, match="There is no such camera"):
            await asyncio.to_thread(look, tmp_path, url, "gate/in")
        with pytest.raises(CommandError, match="AGENT/CAMERA"):
            await asyncio.to_thread(look, tmp_path, url, "gate")
