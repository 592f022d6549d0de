"""A whole fleet of real processes in one folder: nats-server, hub, and agents that are enrolled and know their hub."""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.hub.members import membership
from tests.hub.site import access, hub_settings
from tests.servers.nats_server import NatsServer
from vigie_agent import credentials
from vigie_agent.keys import load_or_make_agent_key
from vigie_agent.store import Reader
from vigie_hub.api.queries.events import list_events
from vigie_hub.database import Database
from vigie_hub.fleet.enrolment import enrol
from vigie_hub.identity import Identity
from vigie_hub.settings import HubSettings
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
    """What the hub says of an agent's events."""
    rows: list[Row] = []
    with Database(fleet.folder / "hub" / "hub.db") as database:
        cursor: str | None = None
        while rows == [] or cursor is not None:
            page = database.read_now(
                lambda connection, at=cursor: list_events(  # type: ignore[misc]
                    connection, after=0, cursor=at, agent_id=agent_id, limit=500
                )
            )
            rows += [Row(event.epoch, event.lane, event.seq, event.body.model_dump_json()) for event in page.items]
            cursor = page.next
            if not page.items:
                break
    return rows


@contextmanager
def running_fleet(folder: Path, agents: int) -> Iterator[Fleet]:
    """nats-server runs; hub and agents are enrolled with each other and can be started."""
    settings = hub_settings(folder)
    identity = Identity.of(settings)
    with NatsServer(folder / "nats", access(settings, identity)) as server:
        yield enrolled_fleet(folder, agents, server, identity)


def enrolled_fleet(folder: Path, agents: int, server: NatsServer, identity: Identity, replicas: int = 1) -> Fleet:
    """A hub and its agents, with their settings; nothing of them runs yet."""
    fleet = Fleet(folder, [f"edge-{number}" for number in range(1, agents + 1)], server)
    fleet.hub_settings.write_text(
        f'data_dir = "{folder}/hub"\n[nats]\nurl = "{server.url}"\nreplicas = {replicas}\nstream_bytes_max = 67108864\n'
        "[api]\nport = 0\n[fleet]\ndiscover = false\n",
        encoding="utf-8",
    )
    settings = HubSettings.load(fleet.hub_settings)
    with Database(settings.database_path) as database:
        for agent_id in fleet.agent_ids:
            key = load_or_make_agent_key(folder / agent_id).public_key
            database.write_now(partial(_trust, agent_id=agent_id, public_key=key))
            credentials.save(folder / agent_id, membership(settings, identity, agent_id, key))
            fleet.agent_settings(agent_id).write_text(
                f'agent_id = "{agent_id}"\ndata_dir = "{folder}/{agent_id}"\n[discovery]\nenabled = false\n',
                encoding="utf-8",
            )
    return fleet


def _trust(connection: sqlite3.Connection, agent_id: str, public_key: str) -> None:
    enrol(connection, agent_id, public_key, SystemClock().now(), "test")
