"""A hub with everything but agents: real read model, projector, hotlist, users, audit, archive, server.

Agents are played: their batches go through the projector, their heartbeats and clips to where the hub keeps them.
"""

import asyncio
import contextlib
import hashlib
import io
import sqlite3
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
from fastapi import FastAPI
from nats.aio.client import Client
from PIL import Image, ImageDraw

from vigie_hub import users
from vigie_hub.api.application import create_api
from vigie_hub.api.feed import Feed
from vigie_hub.api.queries.alerts import list_alerts
from vigie_hub.api.server import ApiServer
from vigie_hub.api.services import Services
from vigie_hub.archive.files import Archive
from vigie_hub.custody.audit import Audit
from vigie_hub.database import Database, iso
from vigie_hub.fleet.admission import Admission
from vigie_hub.fleet.holds import EdgeHolds
from vigie_hub.hotlists.entries import Hotlist
from vigie_hub.identity import Identity
from vigie_hub.settings import HubSettings
from vigie_hub.sync.projector import project
from vigie_hub.tickets.desk import TicketDesk
from vigie_hub.users import Users
from vigie_hub.video.live.watching import Watching
from vigie_hub.video.pull.pieces import Quality
from vigie_hub.video.pull.progress import PullState
from vigie_hub.video.pull.wishes import QUALITIES
from vigie_hub.video.stills.looking import Looking
from vigie_shared.batches import Batch
from vigie_shared.clock import SystemClock
from vigie_shared.events import LANES, AnyEvent, ClipStored, Lane, MotionEnded, MotionStarted, PlateRead, lane_of
from vigie_shared.heartbeats import CameraHealth, Heartbeat
from vigie_shared.ids import unique_id
from vigie_shared.signaling import ClipPriority

NAME, PASSWORD = "amal", "correct horse"
PLATE = "12345|أ|6"
BEGAN_AT = datetime(2026, 11, 22, 14, 41, 3, 120_000, UTC)


@dataclass
class TestClock:
    """Stands still until it is moved."""

    __test__ = False
    at: datetime = BEGAN_AT

    def now(self) -> datetime:
        return self.at

    def monotonic_seconds(self) -> float:
        return (self.at - BEGAN_AT).total_seconds()

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Edge:
    """Clips at the edge, and pulls that wait until the test lets bytes arrive."""

    database: Database
    archive: Archive
    feed: Feed
    clips: dict[str, bytes] = field(default_factory=dict)
    requested: list[tuple[str, Quality]] = field(default_factory=list)
    states: dict[str, PullState] = field(default_factory=dict)

    async def request(self, clip_id: str, _priority: ClipPriority, quality: Quality) -> None:
        wanted: tuple[Quality, ...] = (quality,)
        if (known := self.states.get(clip_id)) is not None and known.state in ("queued", "pulling"):
            if quality in known.wanted:
                return
            wanted = tuple(one for one in QUALITIES if one in (*known.wanted, quality))
        self.requested.append((clip_id, quality))
        self.states[clip_id] = PullState("queued", wanted=wanted)
        self.feed.tell_pull(clip_id)

    async def stop(self, clip_id: str) -> bool:
        self.come_to(clip_id, state="stopped", waits=None)
        return True

    def come_to(self, clip_id: str, **changes: object) -> None:
        """The pull is so far, and open pages hear of it."""
        self.states[clip_id] = replace(self.states[clip_id], **changes)  # type: ignore[arg-type]
        self.feed.tell_pull(clip_id)

    def state(self, clip_id: str) -> PullState | None:
        return self.states.get(clip_id)

    async def deliver(self, clip_id: str) -> None:
        """Bring all bytes into the archive, as a pull ends."""
        data = self.clips[clip_id]
        sha256 = hashlib.sha256(data).hexdigest()
        await asyncio.to_thread(self._store, sha256, data)
        row = (clip_id, sha256, len(data), iso(BEGAN_AT), 1.84)
        await self.database.write(
            lambda connection: connection.execute("INSERT INTO archived_clips VALUES (?, ?, ?, ?, ?)", row).rowcount
        )
        self.states.pop(clip_id, None)
        self.feed.tell_pull(clip_id)

    def _store(self, sha256: str, data: bytes) -> None:
        with self.archive.part(sha256, len(data)) as part:
            part.write(0, data)
            part.commit()


@dataclass
class Stage:
    """The hub, and hands to play its agents."""

    folder: Path
    database: Database
    services: Services
    edge: Edge
    clock: TestClock
    api: FastAPI
    watching: Watching
    looking: Looking
    url: str = ""
    clips_bytes_max: int | None = None
    _seqs: dict[tuple[str, Lane], int] = field(default_factory=dict)

    async def enrol(self, agent_id: str, cameras: Sequence[CameraHealth] = (), *, backlog: int = 0) -> None:
        """An enrolled agent that has sent a heartbeat just now."""
        heartbeat = Heartbeat(
            agent_id=agent_id,
            epoch=epoch_of(agent_id),
            version="0.1.0",
            at=self.clock.now(),
            interval_seconds=10,
            cameras=tuple(cameras),
            newest={lane: self._seqs.get((agent_id, lane), 0) + (backlog if lane == "mot" else 0) for lane in LANES},
            clips_kept=41,
            clips_bytes=96_400_000,
            clips_bytes_max=self.clips_bytes_max,
            disk_free_bytes=118_000_000_000,
        )
        row = (agent_id, f"U{agent_id}", iso(self.clock.now()), iso(self.clock.now()), 30.0, heartbeat.epoch)
        sql = (
            "INSERT INTO agents (agent_id, public_key, enrolled_at, last_seen_at, lost_after_seconds, epoch, heartbeat)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (agent_id) DO UPDATE SET"
            " heartbeat = excluded.heartbeat, last_seen_at = excluded.last_seen_at"
        )
        await self.database.write(
            lambda connection: connection.execute(sql, (*row, heartbeat.model_dump_json())).rowcount
        )
        self.services.feed.tell("agents")

    async def report(self, agent_id: str, *events: AnyEvent) -> None:
        """Events arrive and are projected."""
        for event in events:
            lane = lane_of(event)
            seq = self._seqs[agent_id, lane] = self._seqs.get((agent_id, lane), 0) + 1
            batch = Batch(agent_id=agent_id, epoch=epoch_of(agent_id), lane=lane, first_seq=seq, events=(event,))
            projected = await self.database.write(partial(project, batch=batch, at=self.clock.now()))
            assert projected.events == 1
            if projected.alerts:
                self.services.feed.tell("alerts")
        self.services.feed.tell("events")

    async def picture(self, alert_id: str, jpeg: bytes) -> None:
        """The plate's picture arrives."""
        await self.database.write(
            lambda connection: (
                connection.execute("UPDATE alerts SET crop = ? WHERE alert_id = ?", (jpeg, alert_id)).rowcount
            )
        )
        self.services.feed.tell("alerts")

    async def audited(self) -> list[tuple[str, str, str]]:
        """The audit trail: user, action, target."""

        def rows(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
            return [tuple(row) for row in connection.execute("SELECT user, action, target FROM audit ORDER BY id")]

        return await self.database.read(rows)

    async def hit(self, data: bytes = b"ftyp" * 700) -> tuple[str, str]:
        """A vehicle on the hotlist passes agent `gate`; ids of the alert and the clip."""
        await self.services.hotlist.add(PLATE, "Stolen, case 114", NAME)
        await self.enrol("gate", [camera("in", "Main gate")])
        motion = self.motion("in")
        clip = self.clip(motion, data)
        await self.report("gate", motion, self.read(PLATE, motion), self.quiet(motion, 5), clip)
        alerts = await self.database.read(list_alerts)
        return alerts.items[0].alert_id, clip.clip_id

    def motion(self, camera_id: str, seconds: float = 0) -> MotionStarted:
        at = self.clock.now() + timedelta(seconds=seconds)
        return MotionStarted(
            at=at, camera_id=camera_id, motion_id=unique_id(at), score=7.5, region=(0.1, 0.2, 0.6, 0.9)
        )

    def quiet(self, motion: MotionStarted, seconds: float) -> MotionEnded:
        at = motion.at + timedelta(seconds=seconds)
        return MotionEnded(at=at, camera_id=motion.camera_id, motion_id=motion.motion_id, peak_score=9.0)

    def read(
        self, text: str, motion: MotionStarted, confidence: float = 0.973, *, uncertain: bool = False
    ) -> PlateRead:
        at = motion.at + timedelta(seconds=1.4)
        return PlateRead(
            at=at,
            camera_id=motion.camera_id,
            read_id=unique_id(at),
            motion_id=motion.motion_id,
            text=text,
            plate_kind="civil",
            confidence=confidence,
            uncertain=uncertain,
            frame_count=11,
            first_seen_at=motion.at,
            last_seen_at=at,
            direction="approaching",
            box=(0.4, 0.6, 0.55, 0.66),
            crop_bytes=2210,
        )

    def clip(self, motion: MotionStarted, data: bytes, width_px: int = 320, height_px: int = 180) -> ClipStored:
        """A clip at the edge, with real bytes behind it."""
        at = motion.at - timedelta(seconds=2)
        clip_id = unique_id(at)
        self.edge.clips[clip_id] = data
        return ClipStored(
            at=at,
            camera_id=motion.camera_id,
            clip_id=clip_id,
            motion_id=motion.motion_id,
            ended_at=at + timedelta(seconds=8),
            bytes=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            codec="h264",
            width_px=width_px,
            height_px=height_px,
        )

    def client(self, *, signed_in: bool = True) -> httpx.AsyncClient:
        """A script that talks to the API, in this process."""
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.api),
            base_url="http://hub.test",
            auth=httpx.BasicAuth(NAME, PASSWORD) if signed_in else None,
        )


def epoch_of(agent_id: str) -> str:
    return hashlib.sha256(agent_id.encode()).hexdigest()[:22]


def camera(camera_id: str, name: str, *, moving: bool = False) -> CameraHealth:
    return CameraHealth(
        camera_id=camera_id, name=name, state="streaming", frames_per_second=25, kbps=1800, moving=moving
    )


def crop(text: str) -> bytes:
    """A plate's picture, as the edge would cut it out."""
    image = Image.new("RGB", (190, 44), "#d8d8cf")
    ImageDraw.Draw(image).text((12, 14), text, fill="#16181a")
    stream = io.BytesIO()
    image.save(stream, "JPEG")
    return stream.getvalue()


async def sign_in(client: httpx.AsyncClient, password: str = PASSWORD) -> httpx.Response:
    """Open a session, as the sign-in page does."""
    return await client.post("/login", data={"name": NAME, "password": password}, headers={"origin": "http://hub.test"})


def _admission(folder: Path, database: Database, clock: TestClock) -> Admission:
    settings = HubSettings(data_dir=folder)
    identity = Identity.of(settings, clock)
    return Admission(settings, database, identity.trust, identity.certificates, identity.receipts, clock)


@contextlib.asynccontextmanager
async def stage(folder: Path, client: Client | None = None) -> AsyncIterator[Stage]:
    """Open the hub, without a socket; with a `client` it reaches agents by it, once its watching runs."""
    clock = TestClock()
    async with Database(folder / "hub.db") as database:
        feed = Feed()
        edge = Edge(database, Archive(folder / "archive"), feed)
        services = Services(
            reads=database,
            hotlist=Hotlist(database, clock, feed.tell),
            pulls=edge,
            holds=EdgeHolds(Client(), database, clock, feed.tell),
            archive=edge.archive,
            users=Users(database),
            audit=Audit(database, clock),
            admission=await asyncio.to_thread(_admission, folder, database, clock),
            tickets=(desk := TicketDesk(database, clock)),
            watching=(watching := Watching(client or Client(), desk, SystemClock())),
            looking=(looking := Looking(client or Client(), desk, SystemClock())),
            clock=clock,
            feed=feed,
        )
        await asyncio.to_thread(users.add, database, NAME, PASSWORD, clock.now())
        yield Stage(folder, database, services, edge, clock, create_api(services), watching, looking)


@contextlib.asynccontextmanager
async def serving(stage: Stage) -> AsyncIterator[str]:
    """Serve it on a port of this machine; the address."""
    server = ApiServer(stage.api, stage.services.feed, "127.0.0.1", 0)
    task = asyncio.create_task(server.run())
    stage.url = f"http://127.0.0.1:{server.port}"
    try:
        yield stage.url
    finally:
        task.cancel()
        await asyncio.wait([task])
