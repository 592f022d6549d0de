"""The ends of a live view, each a process in a network of its own: an agent, a hub, and who looks.

`python -m tests.hub.video.live.reach_ends ROLE NATS_URL JSON`. The viewer asks the hub over NATS for what a page asks
for over HTTP, and prints a line of JSON for each ten pictures.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import nats
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.hub.video.agents import AGENT_ID
from tests.hub.video.live_agents import CAMERA_ID, FilmCamera, TestViewer, live_agent
from vigie_hub.database import Database
from vigie_hub.tickets.desk import TicketDesk
from vigie_hub.tickets.target import Target
from vigie_hub.video.live.watching import Watching
from vigie_shared.clock import SystemClock
from vigie_shared.ice import IceServer, IceServers
from vigie_shared.media import Live

SERVERS, WATCH = "test.servers", "test.watch"
GATE = Target.camera(AGENT_ID, CAMERA_ID)
ASK_SECONDS = 15.0
LINE_FRAMES = 10


def say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


async def agent(client: Client, asked: dict[str, Any]) -> None:
    camera = FilmCamera(Path(asked["film"]))
    await asyncio.to_thread(camera.start)
    async with live_agent(client, camera) as (_answerer, _desk, light):
        say(ready=True)
        told = -1
        while True:
            if (count := sum(light.watchers().values())) != told:
                told = count
                say(watchers=count)
            await asyncio.sleep(0.1)


async def hub(client: Client, asked: dict[str, Any]) -> None:
    clock, ice = SystemClock(), IceServers(tuple(asked["urls"]), asked["secret"], asked["authority"])
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


async def ask(client: Client, subject: str, payload: bytes = b"") -> Msg:
    while True:
        try:
            return await client.request(subject, payload, timeout=ASK_SECONDS)
        except nats.errors.NoRespondersError:
            await asyncio.sleep(0.1)
        except nats.errors.Error:
            say(asked_again=True)


async def main(role: str, url: str, asked: dict[str, Any]) -> None:
    client = await nats.connect(url, ping_interval=1, max_outstanding_pings=2, max_reconnect_attempts=-1)
    await {"agent": agent, "hub": hub, "viewer": viewer}[role](client, asked)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))
