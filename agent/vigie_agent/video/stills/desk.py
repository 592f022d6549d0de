"""Where the hub asks for stills: one stream a camera, a bounded number of them, each with a lease."""

import asyncio
import contextlib
from collections.abc import Sequence
from functools import partial
from typing import Final

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from pydantic import ValidationError

from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.uplink.wire_bytes import publish_bytes
from vigie_agent.video.ladder.transcoding import Transcoders
from vigie_agent.video.media.light import Light
from vigie_agent.video.media.live import LiveCamera
from vigie_agent.video.stills.stream import StillStream
from vigie_shared import subjects
from vigie_shared.commands import Refused
from vigie_shared.errors import LinkError
from vigie_shared.i18n import gettext as _
from vigie_shared.stills import StillWish

STREAMS_MAX: Final = 8
_WISHES_WAITING_MAX: Final = 64
log = structlog.get_logger(__name__)


class StillsDesk:
    """One per process; serves one connection to the hub after the other."""

    def __init__(
        self,
        agent_id: str,
        cameras: Sequence[LiveCamera],
        transcoders: Transcoders,
        budget: LinkBudget,
        light: Light,
        *,
        streams_max: int = STREAMS_MAX,
    ) -> None:
        self._agent_id = agent_id
        self._cameras = {camera.camera_id: camera for camera in cameras}
        self._transcoders = transcoders
        self._budget = budget
        self._light = light
        self._streams_max = streams_max
        self._streams: dict[str, tuple[StillStream, asyncio.Task[None]]] = {}
        self.ready = asyncio.Event()
        """Set while wishes are taken."""

    @property
    def stream_count(self) -> int:
        """Cameras that are asked for now."""
        return len(self._streams)

    async def run(self, client: Client) -> None:
        """Answer until cancelled; LinkError once the client is closed for good."""
        subject = subjects.still(self._agent_id)
        subscription = await client.subscribe(subject, pending_msgs_limit=_WISHES_WAITING_MAX)
        try:
            for _twice in range(2):  # nats-py 2.16 writes the first PING ahead of a fresh SUB
                await client.flush()
            self.ready.set()
            async with asyncio.TaskGroup() as group:
                async for message in subscription.messages:
                    await self._take(client, message, group)
                for camera_id in list(self._streams):
                    self._end(camera_id)
            raise LinkError(_("the connection to nats-server is closed; no more commands arrive"))
        finally:
            self.ready.clear()
            self._streams.clear()
            with contextlib.suppress(nats.errors.Error):
                await subscription.unsubscribe()

    async def _take(self, client: Client, message: Msg, group: asyncio.TaskGroup) -> None:
        try:
            wish = StillWish.model_validate_json(message.data)
        except ValidationError:
            await self._refuse(
                client, message, Refused(reason=_("this agent does not know the command: update the agent"))
            )
            return
        if not wish.viewers:
            self._end(wish.camera_id)
            return
        if (refused := self._refused(wish)) is not None:
            await self._refuse(client, message, refused)
            return
        if wish.camera_id not in self._streams:
            self._begin(wish, group)
        self._streams[wish.camera_id][0].ask(wish, message.reply, partial(_send, client, message.reply))

    def _refused(self, wish: StillWish) -> Refused | None:
        if wish.camera_id not in self._cameras:
            return Refused(reason=_("this agent has no camera {camera_id}").format(camera_id=wish.camera_id))
        if wish.camera_id in self._streams or len(self._streams) < self._streams_max:
            return None
        reason = _("{count} video sessions are open; try again later").format(count=len(self._streams))
        return Refused(reason=reason, retryable=True)

    def _begin(self, wish: StillWish, group: asyncio.TaskGroup) -> None:
        stream = StillStream(self._cameras[wish.camera_id], self._transcoders, self._budget, self._light)
        self._streams[wish.camera_id] = (stream, group.create_task(self._serve(wish, stream)))

    def _end(self, camera_id: str) -> None:
        """Nobody looks any more; who comes the next moment has a stream of their own."""
        _stream, task = self._streams.pop(camera_id, (None, None))
        if task is not None:
            task.cancel()

    def _forget(self, camera_id: str, stream: StillStream) -> None:
        if camera_id in self._streams and self._streams[camera_id][0] is stream:
            del self._streams[camera_id]

    async def _serve(self, wish: StillWish, stream: StillStream) -> None:
        said = log.bind(camera_id=wish.camera_id)
        said.info("stills_begun", ticket_id=wish.ticket_id)
        try:
            while stream.is_asked:
                await stream.run()
        except Exception as error:  # one camera must not end the others
            await asyncio.to_thread(said.error, "stills_failed", exc_info=error)  # a traceback reads source files
        finally:
            self._forget(wish.camera_id, stream)
            said.info("stills_ended", stills=stream.number)

    async def _refuse(self, client: Client, message: Msg, refused: Refused) -> None:
        payload = refused.model_dump_json().encode()
        await self._budget.take("heartbeat", publish_bytes(message.reply, len(payload)))
        await _send(client, message.reply, payload)


async def _send(client: Client, subject: str, payload: bytes) -> None:
    if not subject:
        return
    try:
        await client.publish(subject, payload)
    except nats.errors.Error as error:  # the hub asks again
        log.debug("reply not sent", reason=str(error) or type(error).__name__)
