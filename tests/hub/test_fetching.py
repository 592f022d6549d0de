import asyncio
import hashlib
from pathlib import Path

import av
import pytest

from tests.agent.capture.films import packets_of
from tests.hub.agents import NOON, batch, clip
from tests.hub.site import Site, open_site
from tests.hub.video.agents import AGENT_ID, CLIP, CLIP_ID, SHA256, Clips, answering
from tests.media.films import make_film, walk
from vigie_agent.clips.remux import remux
from vigie_agent.video.answerer import Answerer
from vigie_hub import fetching
from vigie_hub.fetching import fetch
from vigie_hub.settings import HubSettings
from vigie_hub.sync.projector import project
from vigie_shared.errors import CommandError, LinkError, TransferError


async def know_the_clip(site: Site, data: bytes = CLIP) -> HubSettings:
    sha256 = hashlib.sha256(data).hexdigest()
    stored = clip().model_copy(update={"clip_id": CLIP_ID, "sha256": sha256, "bytes": len(data)})
    one = batch([stored], agent_id=AGENT_ID, lane="clip")
    await site.database.write(lambda connection: project(connection, one, NOON))
    return HubSettings(data_dir=site.folder / "hub", nats={"url": site.server.url})


async def test_clip_is_pulled_verified_and_pulled_only_once(tmp_path: Path) -> None:
    output = tmp_path / "clip.mp4"
    async with open_site(tmp_path, AGENT_ID) as site:
        settings = await know_the_clip(site)
        async with site.agents[0].connected(site.server.url) as agent, answering(agent.client, Clips()):
            fetched = await fetch(settings, AGENT_ID, CLIP_ID, "cli:amal", output)
        assert (fetched.bytes, fetched.sha256, fetched.received_bytes) == (len(CLIP), SHA256, len(CLIP))
        assert output.read_bytes() == CLIP
        again = await fetch(settings, AGENT_ID, CLIP_ID, "cli:amal", output)  # the agent is gone
        assert (again.sha256, again.received_bytes) == (SHA256, 0)
        assert await site.count("archived_clips") == 1
        assert await site.count("audit WHERE action = 'pull_requested'") == 2
    assert hashlib.sha256(output.read_bytes()).hexdigest() == SHA256


async def test_clip_whose_bytes_are_others_is_refused(tmp_path: Path) -> None:
    async with open_site(tmp_path, AGENT_ID) as site:
        settings = await know_the_clip(site)
        async with (
            site.agents[0].connected(site.server.url) as agent,
            answering(agent.client, Clips(CLIP[:-1] + b"?")),
        ):
            with pytest.raises(TransferError):
                await fetch(settings, AGENT_ID, CLIP_ID, "cli:amal", tmp_path / "clip.mp4")
        assert await site.count("archived_clips") == 0


async def test_keyframes_alone_are_a_film_and_leave_the_clip_at_the_agent(tmp_path: Path) -> None:
    film = await asyncio.to_thread(make_film, tmp_path / "film.mp4", walk(1, 3), seconds=4)
    clip_bytes = b"".join((await asyncio.to_thread(lambda: remux(*packets_of(film)))).segments)
    progress: list[tuple[int, int]] = []
    async with open_site(tmp_path, AGENT_ID) as site:
        settings = await know_the_clip(site, clip_bytes)
        agent = site.agents[0]
        async with agent.connected(site.server.url), asyncio.TaskGroup() as tasks:
            answerer = Answerer(agent.client, AGENT_ID, Clips(clip_bytes), sign=agent.key.sign)
            running = tasks.create_task(answerer.run())
            await answerer.ready.wait()
            fetched = await fetch(
                settings,
                AGENT_ID,
                CLIP_ID,
                "cli:amal",
                tmp_path / "keyframes.mp4",
                "keyframes",
                lambda here, wanted: progress.append((here, wanted)),
            )
            running.cancel()
        assert await site.count("archived_clips") == 0
    assert (fetched.sha256, fetched.keyframes, fetched.roads) == (None, 4, ("channel",))
    assert fetched.received_bytes == progress[-1][0] == progress[-1][1] < len(clip_bytes)
    with av.open(tmp_path / "keyframes.mp4", "r") as container:
        assert len(list(container.decode(video=0))) == 4


async def test_a_sub_stream_is_a_small_film_of_the_agents_making(tmp_path: Path) -> None:
    film = await asyncio.to_thread(
        make_film, tmp_path / "film.mp4", walk(1, 3), seconds=4, frames_per_second=24, kbps=2000
    )
    clip_bytes = b"".join((await asyncio.to_thread(lambda: remux(*packets_of(film)))).segments)
    taken: list[str] = []
    async with open_site(tmp_path, AGENT_ID) as site:
        settings = await know_the_clip(site, clip_bytes)
        agent = site.agents[0]
        async with agent.connected(site.server.url), asyncio.TaskGroup() as tasks:
            answerer = Answerer(agent.client, AGENT_ID, Clips(clip_bytes), sign=agent.key.sign, on_taken=taken.append)
            running = tasks.create_task(answerer.run())
            await answerer.ready.wait()
            fetched = await fetch(settings, AGENT_ID, CLIP_ID, "cli:amal", tmp_path / "small.mp4", "sub")
            running.cancel()
        assert await site.count("archived_clips") == 0
    small = (tmp_path / "small.mp4").read_bytes()
    assert (fetched.sha256, fetched.derived_sha256) == (None, hashlib.sha256(small).hexdigest())
    assert fetched.received_bytes == fetched.bytes == len(small) < len(clip_bytes)
    assert taken == [], "the clip itself is not safe at the hub"
    with av.open(tmp_path / "small.mp4", "r") as container:
        assert 28 <= len(list(container.decode(video=0))) <= 34


async def test_clip_of_another_agent_is_not_found(tmp_path: Path) -> None:
    async with open_site(tmp_path, AGENT_ID) as site:
        settings = await know_the_clip(site)
        with pytest.raises(CommandError, match="knows no clip"):
            await fetch(settings, "other", CLIP_ID, "cli:amal", tmp_path / "clip.mp4")


async def test_absent_nats_server_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "CONNECT_SECONDS", 0.3)
    async with open_site(tmp_path, AGENT_ID) as site:
        settings = await know_the_clip(site)
        nowhere = HubSettings(data_dir=settings.data_dir, nats={"url": "nats://127.0.0.1:1"})
        with pytest.raises(LinkError, match="no nats-server answers"):
            await fetch(nowhere, AGENT_ID, CLIP_ID, "cli:amal", tmp_path / "clip.mp4")
