"""`vigie hub pull`: a clip, its sub-stream or its keyframes, from the command line; the hub may run beside it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from vigie_hub.api.feed import Feed
from vigie_hub.api.queries.clips import find_clip
from vigie_hub.api.server import ApiServer
from vigie_hub.archive.files import Archive
from vigie_hub.bus.connection import Connection
from vigie_hub.custody.audit import Audit
from vigie_hub.database import Database
from vigie_hub.identity import Identity
from vigie_hub.settings import EVERYWHERE, HubSettings
from vigie_hub.video.pull.agent_keys import AgentKeys
from vigie_hub.video.pull.door import Door, DoorKeeper, nobody_is_here
from vigie_hub.video.pull.pieces import Quality
from vigie_hub.video.pull.puller import Puller, PullLimits
from vigie_hub.video.pull.roads import Roads
from vigie_hub.video.pull.strip import strip
from vigie_hub.video.pull.transfer import Promise
from vigie_hub.video.pull.wishes import archive_clip
from vigie_shared.clock import SystemClock
from vigie_shared.errors import CommandError, LinkError, StoreError
from vigie_shared.i18n import gettext as _

CONNECT_SECONDS: Final = 10.0
AWAY_ATTEMPTS_MAX: Final = 8
"""Most of a minute: nobody else waits, and an agent that was restarted comes back within it."""


@dataclass(frozen=True, slots=True)
class FetchedClip:
    """What was written, and whence it came."""

    bytes: int
    sha256: str | None
    """Of the whole clip, verified; None where these are its keyframes alone, or not its bytes any more."""
    keyframes: int | None
    received_bytes: int
    seconds: float
    roads: tuple[str, ...]
    derived_sha256: str | None = None
    """Of a sub-stream, which the agent made and signed: not the clip's own bytes."""
    is_relabelled: bool = False
    """Whether its H.265 was given another name afterwards (`vigie_hub.video.pull.labels`)."""


async def fetch(
    settings: HubSettings,
    agent_id: str,
    clip_id: str,
    user: str,
    output: Path,
    quality: Quality = "original",
    on_progress: Callable[[int, int], None] = lambda verified_bytes, wanted_bytes: None,
) -> FetchedClip:
    """Write the clip to `output`; pull what of it is not here. Raises CommandError, LinkError, TransferError."""
    identity = await asyncio.to_thread(Identity.of, settings)
    clock, archive = SystemClock(), Archive(settings.archive_dir)
    async with Database(settings.database_path) as database:
        clip = await database.read(lambda connection: find_clip(connection, clip_id))
        if clip is None or clip.agent_id != agent_id:
            raise CommandError(
                _("the hub knows no clip {clip_id} of {agent_id}").format(clip_id=clip_id, agent_id=agent_id)
            )
        await Audit(database, clock).record(user, "pull_requested", clip_id)
        promise = Promise(agent_id, clip_id, clip.bytes, clip.sha256)
        if quality == "original" and await asyncio.to_thread(archive.intact, clip.sha256):
            await asyncio.to_thread(_copy, archive.path(clip.sha256), output)
            return FetchedClip(clip.bytes, clip.sha256, None, 0, 0.0, ())
        async with _puller(settings, identity, database, archive) as puller:
            if quality == "sub":
                return await _sub_stream(puller, promise, output, on_progress)
            if quality != "original":
                return await _sample(puller, promise, quality, output, on_progress)
            pulling = puller.pull(
                agent_id, clip_id, clip.bytes, clip.sha256, lambda verified: on_progress(verified, clip.bytes)
            )
            pulled = await archive_clip(database, pulling, f"{agent_id}/{clip_id}", clock)
        await asyncio.to_thread(_copy, archive.path(clip.sha256), output)
        return FetchedClip(clip.bytes, clip.sha256, None, pulled.received_bytes, pulled.pull_seconds, pulled.roads)


async def _sample(
    puller: Puller, promise: Promise, quality: Quality, output: Path, on_progress: Callable[[int, int], None]
) -> FetchedClip:
    sample = await puller.sample(promise, quality, on_progress)
    video = await asyncio.to_thread(strip, sample.init, [data for _head, data in sample.heads])
    await asyncio.to_thread(_write, video, output)
    return FetchedClip(len(video), None, len(sample.heads), sample.received_bytes, sample.seconds, sample.roads)


async def _sub_stream(
    puller: Puller, promise: Promise, output: Path, on_progress: Callable[[int, int], None]
) -> FetchedClip:
    made = await puller.sub_stream(promise, on_progress)
    await asyncio.to_thread(_write, made.data, output)
    digest = made.manifest.sha256
    return FetchedClip(len(made.data), None, None, made.received_bytes, made.seconds, made.roads, digest)


@contextlib.asynccontextmanager
async def _puller(
    settings: HubSettings, identity: Identity, database: Database, archive: Archive
) -> AsyncIterator[Puller]:
    """A puller with a connection and, where agents can reach this machine, a door of its own."""
    connection = Connection(settings.nats.url, identity.trust.hub_login(), identity.certificates.client_context())
    try:
        async with _door(settings, identity) as door:
            await _connect(connection, settings.nats.url)
            yield Puller(
                connection.client,
                archive,
                limits=PullLimits(away_attempts_max=AWAY_ATTEMPTS_MAX),
                ice=settings.video.ice(),
                roads=Roads(settings.video.road),
                door=door,
                key_of=AgentKeys(database).of,
            )
    finally:
        await connection.close()


@contextlib.asynccontextmanager
async def _door(settings: HubSettings, identity: Identity) -> AsyncIterator[Door | None]:
    """Beside the API of the running hub: on the same address, on a free port."""
    host = urlsplit(settings.api.url).hostname if settings.api.url else settings.api.host
    if settings.video.road == "channel" or host is None or host in EVERYWHERE:
        yield None
        return
    door = Door()
    certificates = identity.certificates if settings.api_is_secure else None
    server = ApiServer(DoorKeeper(nobody_is_here, door), Feed(), settings.api.host, 0, certificates)
    scheme, host = "https" if certificates else "http", f"[{host}]" if ":" in host else host
    door.url = f"{scheme}://{host}:{server.port}"
    running = asyncio.create_task(server.run())
    try:
        yield door
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _connect(connection: Connection, url: str) -> None:
    try:
        await asyncio.wait_for(connection.connect(), CONNECT_SECONDS)
    except TimeoutError as error:
        raise LinkError(_("no nats-server answers at {url}").format(url=url)) from error


def _copy(source: Path, output: Path) -> None:
    _write(source.read_bytes(), output)


def _write(data: bytes, output: Path) -> None:
    try:
        output.write_bytes(data)
    except OSError as error:
        raise StoreError(_("{path}: {reason}").format(path=output, reason=error.strerror)) from error
