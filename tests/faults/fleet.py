"""A whole fleet of real processes in one folder: nats-server, hub, and agents that are enrolled and know their hub."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.nats_server import NatsServer
from vigie_agent.keys import load_or_make_agent_key
from vigie_agent.store import Reader
from vigie_hub.bus.configuration import NatsConfiguration
from vigie_hub.database import Database
from vigie_hub.fleet.enrolment import enrol
from vigie_hub.keys import HubKeys
from vigie_shared.clock import SystemClock
from vigie_shared.events import LANES

VIGIE = [sys.executable, "-m", "vigie_shared"]


@dataclass(frozen=True)
class Row:
    """One event, at its place in a lane."""

    epoch: str
    lane: str
    seq: int
    body: str

    @property
    def place(self) -> tuple[str, str, int]:
        return self.epoch, self.lane, self.seq


@dataclass(frozen=True)
class Fleet:
    """Where everything of it lies."""

    folder: Path
    agent_ids: list[str]
    server: NatsServer

    @property
    def hub_settings(self) -> Path:
        return self.folder / "hub.toml"

    @property
    def hub_command(self) -> list[str]:
        return [*VIGIE, "hub", "run", "--settings", str(self.hub_settings)]

    def agent_settings(self, agent_id: str) -> Path:
        return self.folder / f"{agent_id}.toml"


def store_rows(fleet: Fleet, agent_id: str) -> list[Row]:
    """What an agent that no longer runs has recorded."""
    reader = Reader(fleet.folder / agent_id)
    try:
        return [
            Row(reader.epoch, lane, row.seq, row.event.model_dump_json())
            for lane in LANES
            for row in reader.outbox_after(lane, 0, 1_000_000)
        ]
    finally:
        reader.close()


def hub_rows(fleet: Fleet, agent_id: str) -> list[Row]:
    """What the hub's read model has of an agent."""
    with Database(fleet.folder / "hub" / "hub.db") as database:
        rows = database.read_now(
            lambda connection: connection.execute(
                "SELECT epoch, lane, seq, body FROM events WHERE agent_id = ?", (agent_id,)
            ).fetchall()
        )
    return [Row(*row) for row in rows]


@contextmanager
def running_fleet(folder: Path, agents: int) -> Iterator[Fleet]:
    """nats-server runs; hub and agents are enrolled with each other and can be started."""
    agent_ids = [f"edge-{number}" for number in range(1, agents + 1)]
    own_keys = {agent_id: load_or_make_agent_key(folder / agent_id).public_key for agent_id in agent_ids}
    hub_keys = HubKeys(folder / "hub")
    users = NatsConfiguration("nats://127.0.0.1:1", folder, hub_keys.nats.public_key, own_keys).users()
    now = SystemClock().now()
    with Database(folder / "hub" / "hub.db") as database:
        database.write_now(lambda connection: [enrol(connection, *agent, now, "test") for agent in own_keys.items()])
    with NatsServer(folder / "nats", f"authorization: {json.dumps({'users': users})}") as server:
        fleet = Fleet(folder, agent_ids, server)
        fleet.hub_settings.write_text(
            f'data_dir = "{folder}/hub"\n[nats]\nurl = "{server.url}"\n[api]\nport = 0\n[fleet]\ndiscover = false\n',
            encoding="utf-8",
        )
        for agent_id in agent_ids:
            fleet.agent_settings(agent_id).write_text(
                f'agent_id = "{agent_id}"\ndata_dir = "{folder}/{agent_id}"\n'
                f'[hub]\nurl = "{server.url}"\npublic_key = "{hub_keys.receipts.public_key}"\n'
                "[discovery]\nenabled = false\n",
                encoding="utf-8",
            )
        yield fleet
