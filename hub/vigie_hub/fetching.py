"""`vigie hub pull`: one clip into the archive from the command line, beside a hub that may be running."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vigie_hub.api.queries.clips import find_clip
from vigie_hub.archive.files import Archive
from vigie_hub.bus.connection import Connection
from vigie_hub.custody.audit import Audit
from vigie_hub.database import Database
from vigie_hub.identity import Identity
from vigie_hub.settings import HubSettings
from vigie_hub.video.puller import Puller
from vigie_hub.video.pulls import PullQueue
from vigie_shared.clock import SystemClock
from vigie_shared.errors import CommandError, LinkError, TransferError
from vigie_shared.i18n import gettext as _

CONNECT_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class FetchedClip:
    """A clip that lies in the archive, verified."""

    path: Path
    bytes: int
    sha256: str


async def fetch(settings: HubSettings, agent_id: str, clip_id: str, user: str) -> FetchedClip:
    """Pull the clip unless it is here already. Raises CommandError, LinkError, TransferError."""
    identity = await asyncio.to_thread(Identity.of, settings)
    clock = SystemClock()
    archive = Archive(settings.archive_dir)
    async with Database(settings.database_path) as database:
        clip = await database.read(lambda connection: find_clip(connection, clip_id))
        if clip is None or clip.agent_id != agent_id:
            raise CommandError(
                _("the hub knows no clip {clip_id} of {agent_id}").format(clip_id=clip_id, agent_id=agent_id)
            )
        await Audit(database, clock).record(user, "pull_requested", clip_id)
        if not await asyncio.to_thread(archive.intact, clip.sha256):
            connection = Connection(
                settings.nats.url, identity.trust.hub_login(), identity.certificates.client_context()
            )
            try:
                await _connect(connection, settings.nats.url)
                puller = Puller(connection.client, archive, clock=clock, ice_servers=settings.video.ice_servers)
                await _pull(PullQueue(database, puller, clock=clock, pulls_at_once=1), clip_id)
            finally:
                await connection.close()
    return FetchedClip(archive.path(clip.sha256), clip.bytes, clip.sha256)


async def _connect(connection: Connection, url: str) -> None:
    try:
        await asyncio.wait_for(connection.connect(), CONNECT_SECONDS)
    except TimeoutError as error:
        raise LinkError(_("no nats-server answers at {url}").format(url=url)) from error


async def _pull(pulls: PullQueue, clip_id: str) -> None:
    """Wait until one pull is over; raises TransferError where it failed."""
    pulls.request(clip_id)
    running = asyncio.create_task(pulls.run())
    try:
        while (state := pulls.state(clip_id)) is not None and state.state != "failed":  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    if state is not None:
        raise TransferError(state.detail)
