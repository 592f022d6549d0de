"""The stills of one camera, for as long as the hub asks for one after the other.

```
        ask                    due, decoded, the link has room         no ask for 10 s, or nobody looks
 waiting ───→ at it ──────────────────────────────────────→ waiting ──────────────────────────────────→ over
               └── 8 s, no picture, or the link carries none: refused ──→ waiting
```
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

import structlog

from vigie_agent.capture.outlet import Outlet
from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.uplink.delivery_rate import Sent
from vigie_agent.uplink.wire_bytes import publish_bytes
from vigie_agent.video.ladder.transcoding import Transcoders
from vigie_agent.video.media.light import Light
from vigie_agent.video.media.live import LiveCamera, LiveSource
from vigie_agent.video.stills.backlog import Backlog
from vigie_agent.video.stills.shutter import Shutter
from vigie_shared.commands import Refused
from vigie_shared.errors import CaptureError, VigieError
from vigie_shared.i18n import gettext as _
from vigie_shared.media import Showing
from vigie_shared.stills import LEASE_SECONDS, PATIENCE_SECONDS, STILL_SECONDS, Still, StillHead, StillWish

BYTES_MIN: Final = 1_500
BYTES_MAX: Final = 20_000
LINK_SECONDS: Final = 0.4
"""A picture takes the link for no longer, as far as its rate is known."""
KEYFRAME_SECONDS_MAX: Final = 1.5
"""Where keyframes are further apart, pictures between them are decoded too, if a transcode is free."""
STALE_SECONDS: Final = 0.5
"""A picture that waited for the link for longer is taken again."""
_EARLY_SECONDS: Final = 0.05
log = structlog.get_logger(__name__)

Send = Callable[[bytes], Awaitable[None]]
"""Sends the reply to one ask."""


class _Asked(NamedTuple):
    wish: StillWish
    reply_to: str
    send: Send


class StillStream:
    """One camera. `run` it for as long as it `is_asked`."""

    def __init__(self, camera: LiveCamera, transcoders: Transcoders, budget: LinkBudget, light: Light) -> None:
        self._camera = camera
        self._transcoders = transcoders
        self._budget = budget
        self._light = light
        self._loop = asyncio.get_running_loop()
        self._backlog = Backlog()
        self._shutter: Shutter | None = None
        self._room = contextlib.ExitStack()
        self._has_room = self._has_shot = False
        self._asked: _Asked | None = None
        self._stirred = asyncio.Event()
        self._in_air: Sent | None = None
        self._due_seconds = 0.0
        self.number = 0
        """Pictures that were sent."""

    @property
    def is_asked(self) -> bool:
        """Whether somebody waits for a picture."""
        return self._asked is not None

    def ask(self, wish: StillWish, reply_to: str, send: Send) -> None:
        """The hub wants the next picture; whatever it asked before counts no more."""
        self._asked = _Asked(wish, reply_to, send)
        if self._in_air is not None and wish.received == self.number:
            self._budget.land(self._in_air)
            self._in_air = None
        self._stirred.set()

    async def run(self) -> None:
        """Until nobody asks any more, or the camera is lost."""
        outlet, source = self._open()
        self._backlog, self._shutter, self._has_room = Backlog(), None, False
        coming = asyncio.create_task(self._collect(source))
        coming.add_done_callback(lambda _coming: self._stirred.set())
        try:
            with self._room, self._light.on(self._camera.camera_id) as watching:
                while not coming.done() and (asked := await self._next_asked(coming)) is not None:
                    watching.viewers = asked.wish.viewers
                    await self._answer(outlet, coming)
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
            self._lose()

    def _open(self) -> tuple[Outlet, LiveSource]:
        """The camera's smallest stream that comes now."""
        outlets = (self._camera.sub_outlet, self._camera.outlet)
        outlet = next((one for one in outlets if one is not None and one.stream is not None), self._camera.outlet)
        showing = Showing(rung="stills", width_px=0, height_px=0, camera_id=self._camera.camera_id)
        return outlet, LiveSource(outlet, showing)

    async def _collect(self, source: LiveSource) -> None:
        async for frame in source.frames():
            self._backlog.feed(frame)
            self._stirred.set()

    async def _next_asked(self, coming: asyncio.Task[None]) -> _Asked | None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEASE_SECONDS):
                while self._asked is None and not coming.done():
                    await self._stir()
        return self._asked

    async def _answer(self, outlet: Outlet, coming: asyncio.Task[None]) -> None:
        """One picture, or why there is none, to whoever asked last."""
        self._has_shot = False
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                reply = (await self._still(outlet, coming)).encode()
        except TimeoutError:
            busy = _("the link carries what is more urgent; ask again later")
            reply = self._refusal(busy if self._has_shot else str(self._nothing()))
        except VigieError as error:
            reply = self._refusal(str(error))
        assert self._asked is not None
        asked, self._asked = self._asked, None
        await asked.send(reply)

    async def _still(self, outlet: Outlet, coming: asyncio.Task[None]) -> Still:
        """The newest picture at the time when the link has room for it."""
        if (barrier := self._budget.barrier("live")) is not None:
            raise CaptureError(_("the link may not carry video now: {reason}").format(reason=barrier))
        await asyncio.sleep(max(0.0, self._due_seconds - self._loop.time()))
        due_seconds = max(self._due_seconds, self._loop.time() - _EARLY_SECONDS) + STILL_SECONDS
        still = await self._shot(outlet, coming, self._bytes_max())
        asked_seconds = self._loop.time()
        self._lose()
        assert self._asked is not None
        size = publish_bytes(self._asked.reply_to, len(still.encode()))
        self._in_air = await self._budget.launch("live", size)
        self.number, self._due_seconds = still.head.number, due_seconds
        if self._loop.time() - asked_seconds > STALE_SECONDS and self._backlog.has_news:
            newer = await self._shot(outlet, coming, len(still.jpeg))
            still = Still(newer.head.model_copy(update={"number": self.number}), newer.jpeg)
        return still

    async def _shot(self, outlet: Outlet, coming: asyncio.Task[None], bytes_max: int) -> Still:
        while True:
            while not self._backlog.has_news:
                if coming.done():
                    coming.result()
                await self._stir()
            found = await self._shoot(outlet, bytes_max)
            if found is not None:
                return found

    async def _shoot(self, outlet: Outlet, bytes_max: int) -> Still | None:
        stream, backlog = outlet.stream, self._backlog
        if stream is None:
            raise self._nothing()
        backlog.wants_all = self._may_decode_all()
        frames, alone = backlog.take(), not backlog.wants_all
        if self._shutter is None or (self._shutter.codec, self._shutter.reorders) != (
            stream.codec,
            outlet.has_b_frames,
        ):
            self._shutter = Shutter(stream.codec, reorders=outlet.has_b_frames)
        shutter = self._shutter
        found = await self._transcoders.run(lambda: shutter.shoot(frames, bytes_max, alone=alone))
        if found is None:
            return None
        frame, jpeg = found
        self._has_shot = True
        head = StillHead(
            number=self.number + 1,
            at=frame.at,
            clock_source=frame.clock_source,
            camera_offset_seconds=frame.camera_offset_seconds,
        )
        return Still(head, jpeg)

    def _may_decode_all(self) -> bool:
        """Whether more than keyframes is needed, and a transcode's worth of the processor is free for it."""
        seconds = self._backlog.keyframe_seconds
        is_needed = seconds is None or seconds > KEYFRAME_SECONDS_MAX
        if not is_needed:
            self._room.close()
            self._has_room = False
        elif not self._has_room and self._transcoders.has_room:
            self._room.enter_context(self._transcoders.room())
            self._has_room = True
        return self._has_room

    def _bytes_max(self) -> int:
        """Of a JPEG."""
        rate = self._budget.bytes_per_second
        return BYTES_MAX if rate is None else min(BYTES_MAX, max(BYTES_MIN, round(LINK_SECONDS * rate)))

    def _nothing(self) -> CaptureError:
        return CaptureError(_("camera {camera_id} gives no pictures now").format(camera_id=self._camera.camera_id))

    def _refusal(self, reason: str) -> bytes:
        assert self._asked is not None
        payload = Refused(reason=reason[:300], retryable=True).model_dump_json().encode()
        self._budget.spend(publish_bytes(self._asked.reply_to, len(payload)))
        return payload

    def _lose(self) -> None:
        if self._in_air is not None:
            self._budget.lose(self._in_air)
            self._in_air = None

    async def _stir(self) -> None:
        await self._stirred.wait()
        self._stirred.clear()
