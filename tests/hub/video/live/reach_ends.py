"""The ends of a live view, each a process of its own (`reach_company.py`): an agent, a hub (and its
pull of a clip), and who looks.

The viewer asks the hub over NATS for what a page asks for over HTTP, and says how many pictures it saw, every ten.
"""

import asyncio
import json
import os
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import nats
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.agent.uplink.hub import membership
from tests.hub.agents import new_key
from tests.hub.video.agents import AGENT_ID, CLIP, CLIP_ID, SHA256
from tests.hub.video.live_agents import CAMERA_ID, FilmCamera, TestViewer, live_agent
from vigie_agent.credentials import Credentials
from vigie_agent.keys import AgentKey
from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.uplink.connection import Connection
from vigie_agent.uplink.link_settings import LinkSettings
from vigie_agent.uplink.roaming import Roaming
from vigie_hub.archive.files import Archive
from vigie_hub.database import Database
from vigie_hub.tickets.desk import TicketDesk
from vigie_hub.tickets.target import Target
from vigie_hub.video.live.watching import Watching
from vigie_hub.video.pull.puller import Puller
from vigie_shared.clock import SystemClock
from vigie_shared.ice import IceServer, IceServers
from vigie_shared.media import Live

SERVERS, WATCH = "test.servers", "test.watch"
GATE = Target.camera(AGENT_ID, CAMERA_ID)
ASK_SECONDS = 15.0
LINE_FRAMES = 10
RATE_KBPS = 2500
"""Of the agent's link: a clip takes it for some seconds."""


who = 0
"""Of those that share standard output."""


def say(**what: Any) -> None:
    os.write(1, json.dumps({"who": who, **what}).encode() + b"\n")  # at once, so that no other's words get between


async def agent(urls: list[str], asked: dict[str, Any]) -> None:
    """Its connection to nats-server is the one that every agent has."""
    camera = FilmCamera(Path(asked["film"]))
    await asyncio.to_thread(camera.start)
    member = membership(urls[0], AGENT_ID, more=tuple(urls[1:]))
    connection = Connection(Credentials(Path(), AgentKey(new_key().seed), member), reconnect_seconds_max=30)
    roaming = Roaming(connection)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(connection.open())
        group = await stack.enter_async_context(asyncio.TaskGroup())
        group.create_task(roaming.run(client))
        budget = LinkBudget(LinkSettings(kind="wire", rate_kbps=RATE_KBPS), SystemClock())
        budget.is_connected = True
        group.create_task(budget.run())
        live = live_agent(client, camera, budget, on_broken=roaming.doubt)
        _answerer, _desk, light = await stack.enter_async_context(live)
        say(ready=True)
        told = -1
        while True:
            if (count := sum(light.watchers().values())) != told:
                told = count
                say(watchers=count)
            await asyncio.sleep(0.1)


async def hub(client: Client, asked: dict[str, Any]) -> None:
    clock, ice = SystemClock(), _ice(asked)
    async with Database(Path(asked["folder"]) / "hub.db") as database, asyncio.TaskGroup() as group:
        tickets = TicketDesk(database, clock)
        watching = Watching(client, tickets, clock, ice=ice)
        group.create_task(watching.run())
        await watching.ready.wait()

        async def servers(message: Msg) -> None:
            await message.respond(json.dumps([one.model_dump() for one in watching.ice_servers("desk")]).encode())

        async def watch(message: Msg) -> None:
            _ticket, secret = await tickets.issue("amal", GATE, "Case 114")
            ticket = await tickets.redeem(secret, "amal", GATE)
            live = Live(camera_id=CAMERA_ID, quality="main")
            watched = await watching.watch(ticket, AGENT_ID, live, message.data.decode(), lambda: True)
            await message.respond(watched.sdp.encode())

        await client.subscribe(SERVERS, cb=servers)
        await client.subscribe(WATCH, cb=watch)
        await client.flush()
        say(ready=True)
        await asyncio.Event().wait()


def _ice(asked: dict[str, Any]) -> IceServers:
    return IceServers(tuple(asked["urls"]), asked["secret"], asked["authority"])


async def viewer(client: Client, _asked: dict[str, Any]) -> None:
    """Looks again, as a page does, as soon as the hub is lost."""
    seen = 0
    while True:
        servers = [IceServer.model_validate(one) for one in json.loads((await ask(client, SERVERS)).data)]
        watching = TestViewer(servers)
        answer = await ask(client, WATCH, (await watching.offer()).encode())
        await watching.accept(answer.data.decode())
        while watching.connection.connectionState not in ("failed", "closed"):
            try:
                await watching.has_frames(LINE_FRAMES, seconds=1)
            except TimeoutError:
                continue
            seen += len(watching.frames)
            watching.frames.clear()
            say(frames=seen)
        say(lost=True)
        await watching.close()


async def puller(client: Client, asked: dict[str, Any]) -> None:
    """The hub's, for one clip of the agent."""
    archive = Archive(Path(asked["folder"]) / "archive")
    pulling = Puller(client, archive, ice=_ice(asked))
    clip = await pulling.pull(AGENT_ID, CLIP_ID, len(CLIP), SHA256, lambda verified: say(verified=verified))
    assert await asyncio.to_thread(archive.intact, SHA256)
    say(pulled=clip.bytes, roads=clip.roads)
    await asyncio.Event().wait()


async def ask(client: Client, subject: str, payload: bytes = b"") -> Msg:
    while True:
        try:
            return await client.request(subject, payload, timeout=ASK_SECONDS)
        except nats.errors.NoRespondersError:
            await asyncio.sleep(0.1)
        except nats.errors.Error:
            say(asked_again=True)


async def main(role: str, urls: list[str], asked: dict[str, Any]) -> None:
    if role == "agent":
        await agent(urls, asked)
        return
    client = await nats.connect(
        urls, ping_interval=1, max_outstanding_pings=2, max_reconnect_attempts=-1, dont_randomize=True
    )
    await {"hub": hub, "puller": puller, "viewer": viewer}[role](client, asked)
