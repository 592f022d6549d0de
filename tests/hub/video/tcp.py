"""The TCP road for tests: a hub's door on a port of this machine, and agents that have a key and know the way."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import nats
from nats.aio.client import Client

from tests.hub.video.agents import AGENT_ID, Clips, film
from vigie_agent.credentials import Credentials
from vigie_agent.keys import AgentKey, load_or_make_agent_key
from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.video.answerer import Answerer, AnswererSettings
from vigie_agent.video.clips.library import ClipSource
from vigie_agent.video.clips.tcp_road import TcpRoad
from vigie_hub.api.feed import Feed
from vigie_hub.api.server import ApiServer
from vigie_hub.archive.files import Archive
from vigie_hub.bus.certificates import Certificates
from vigie_hub.keys import PublicKey
from vigie_hub.settings import TlsSettings
from vigie_hub.video.pull.door import Door, DoorKeeper, nobody_is_here
from vigie_hub.video.pull.puller import Puller, PullLimits
from vigie_hub.video.pull.roads import Roads, RoadSetting
from vigie_shared.clock import SystemClock
from vigie_shared.enrolment import Membership

ELSEWHERE = "127.0.0.2"


@dataclass
class Gate:
    """A hub's door, and the agent that may come to it."""

    folder: Path
    url: str
    authority: str
    key: AgentKey
    door: Door
    certificates: Certificates | None = None
    server: ApiServer | None = None

    def road(self, url: str | None = None) -> TcpRoad:
        key = self.key
        membership = Membership(
            agent_id=AGENT_ID,
            hub_key=key.public_key,
            token="unused",
            nats_url="nats://127.0.0.1:1",
            api_url=url or self.url,
            authority=self.authority,
        )
        return TcpRoad(Credentials(self.folder, key, membership))

    def puller(
        self, connection: Client, archive: Archive, limits: PullLimits | None = None, road: RoadSetting = "auto"
    ) -> Puller:
        async def key_of(_agent_id: str) -> PublicKey:
            return PublicKey(self.key.public_key)

        return Puller(connection, archive, limits=limits, roads=Roads(road), door=self.door, key_of=key_of)

    def shut(self) -> None:
        """Nobody finds anything here from now on; who is in stays."""
        assert self.server is not None
        for listening in self.server._server.servers:
            listening.close()

    @asynccontextmanager
    async def open_at(self, address: str) -> AsyncIterator[str]:
        """The same door at another address: its URL."""
        async with _serving(self.door, address, self.certificates) as server:
            yield f"https://{address}:{server.port}"

    @asynccontextmanager
    async def answering(
        self,
        connection: Client,
        clips: ClipSource,
        *,
        road: TcpRoad | None = None,
        budget: LinkBudget | None = None,
        settings: AnswererSettings | None = None,
        on_taken: Callable[[str], None] = lambda clip_id: None,
    ) -> AsyncIterator[Answerer]:
        """An agent that signs and has a TCP road."""
        answerer = Answerer(
            connection,
            AGENT_ID,
            clips,
            settings,
            on_taken=on_taken,
            budget=budget,
            sign=self.key.sign,
            road=road or self.road(),
        )
        async with asyncio.TaskGroup() as group:
            running = group.create_task(answerer.run())
            await answerer.ready.wait()
            yield answerer
            running.cancel()


@asynccontextmanager
async def open_gate(folder: Path, address: str = "127.0.0.1") -> AsyncIterator[Gate]:
    """TLS on loopback, as beyond it."""
    certificates = Certificates(folder, TlsSettings(), [address, ELSEWHERE])
    await asyncio.to_thread(certificates.ensure, SystemClock().now())
    door = Door()
    async with _serving(door, address, certificates) as server:
        authority = await asyncio.to_thread(certificates.authority_pem)
        key = await asyncio.to_thread(load_or_make_agent_key, folder / "agent")
        url = f"https://{address}:{server.port}"
        yield Gate(folder / "agent", url, authority, key, door, certificates, server)


@asynccontextmanager
async def _serving(door: Door, address: str, certificates: Certificates | None) -> AsyncIterator[ApiServer]:
    server = ApiServer(DoorKeeper(nobody_is_here, door), Feed(), address, 0, certificates)
    running = asyncio.create_task(server.run())
    try:
        yield server
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _main(nats_url: str, clip_bytes: int, folder: Path, api_url: str, authority: Path) -> None:
    """An agent in a process of its own, with `folder` for its key."""
    connection = await nats.connect(nats_url)
    key = await asyncio.to_thread(load_or_make_agent_key, folder)
    gate = Gate(folder, api_url, await asyncio.to_thread(authority.read_text), key, Door())
    async with gate.answering(connection, Clips(film(clip_bytes))):
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4], Path(sys.argv[5])))
