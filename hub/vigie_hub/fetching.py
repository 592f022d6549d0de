"""`vigie hub pull`: one clip into the archive from the command line, beside a hub that may be running."""

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vigie_hub.archive.files import Archive
from vigie_hub.bus.connection import Connection
from vigie_hub.custody import audit
from vigie_hub.database import Database, iso
from vigie_hub.keys import HubKeys
from vigie_hub.settings import HubSettings
from vigie_hub.video.puller import Puller
from vigie_shared.clock import SystemClock
from vigie_shared.errors import CommandError, LinkError
from vigie_shared.i18n import gettext as _

CONNECT_SECONDS: Final = 10.0
_ARCHIVED: Final = (
    "INSERT INTO archived_clips (clip_id, sha256, bytes, pulled_at, pull_seconds) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (clip_id) DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class FetchedClip:
    """A clip that lies in the archive, verified."""

    path: Path
    bytes: int
    sha256: str


def _find(agent_id: str, clip_id: str) -> Callable[[sqlite3.Connection], tuple[int, str]]:
    def find(connection: sqlite3.Connection) -> tuple[int, str]:
        row = connection.execute(
            "SELECT bytes, sha256 FROM clips WHERE clip_id = ? AND agent_id = ?", (clip_id, agent_id)
        ).fetchone()
        if row is None:
            raise CommandError(
                _("the hub knows no clip {clip_id} of {agent_id}").format(clip_id=clip_id, agent_id=agent_id)
            )
        return row["bytes"], row["sha256"]

    return find


async def fetch(settings: HubSettings, agent_id: str, clip_id: str, user: str) -> FetchedClip:
    """Pull the clip unless it is here already. Raises CommandError, LinkError, TransferError, DigestError."""
    keys = await asyncio.to_thread(HubKeys, settings.data_dir)
    clock = SystemClock()
    async with Database(settings.database_path) as database:
        clip_bytes, sha256 = await database.read(_find(agent_id, clip_id))
        now = clock.now()
        await database.write(lambda connection: audit.record(connection, now, user, "pull_requested", clip_id))
        archive = Archive(settings.archive_dir)
        bus = Connection(settings.nats.url, keys.nats)
        try:
            try:
                await asyncio.wait_for(bus.connect(), CONNECT_SECONDS)
            except TimeoutError as error:
                raise LinkError(_("no nats-server answers at {url}").format(url=settings.nats.url)) from error
            puller = Puller(bus.client, archive, clock=clock, ice_servers=settings.video.ice_servers)
            clip = await puller.pull(agent_id, clip_id, clip_bytes, sha256)
        finally:
            await bus.close()
        row = (clip.clip_id, clip.sha256, clip.bytes, iso(clip.pulled_at), clip.pull_seconds)
        await database.write(lambda connection: connection.execute(_ARCHIVED, row).rowcount)
    return FetchedClip(archive.path(sha256), clip_bytes, sha256)
