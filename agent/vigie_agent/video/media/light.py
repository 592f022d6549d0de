"""The light at the edge: whoever stands beside a camera can know that somebody is watching through it.

A metric (`vigie_watchers`), a column of `vigie agent run`'s view, and, where set, a webhook that may switch a lamp.
"""

import asyncio
import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from vigie_shared.clock import Clock

WEBHOOK_SECONDS: Final = 5.0
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Watching:
    """One session that shows a camera."""

    camera_id: str
    viewers: int = 1


class Light:
    """Who watches what; changed on the event loop, read from any thread."""

    def __init__(self, clock: Clock, webhook: str | None = None) -> None:
        """`webhook` is told by POST whenever a camera begins or ceases to be watched."""
        self._clock = clock
        self._webhook = webhook
        self._watched: tuple[Watching, ...] = ()
        self._changed = asyncio.Event()

    def watchers(self) -> Mapping[str, int]:
        """How many people watch each camera that is watched now."""
        counts: dict[str, int] = {}
        for watching in self._watched:
            counts[watching.camera_id] = counts.get(watching.camera_id, 0) + watching.viewers
        return counts

    @contextlib.contextmanager
    def on(self, camera_id: str) -> Iterator[Watching]:
        """Shine for as long as the session lasts; its `viewers` may change."""
        watching = Watching(camera_id)
        self._watched = (*self._watched, watching)
        self._changed.set()
        try:
            yield watching
        finally:
            self._watched = tuple(other for other in self._watched if other is not watching)
            self._changed.set()

    async def run(self) -> None:
        """Tell the webhook until cancelled; a webhook that does not answer is told again at the next change."""
        told: frozenset[str] = frozenset()
        while True:
            await self._changed.wait()
            self._changed.clear()
            now = frozenset(self.watchers())
            for camera_id in sorted(told ^ now):
                await self._tell(camera_id, camera_id in now)
            told = now

    async def _tell(self, camera_id: str, is_watched: bool) -> None:
        log.info("camera_watched" if is_watched else "camera_watched_no_more", camera_id=camera_id)
        if self._webhook is None:
            return
        body = json.dumps({"camera_id": camera_id, "watched": is_watched, "at": self._clock.now().isoformat()})
        request = urllib.request.Request(  # noqa: S310 - the setting allows http and https alone
            self._webhook, body.encode(), {"content-type": "application/json"}, method="POST"
        )
        try:
            await asyncio.to_thread(_post, request)
        except (OSError, urllib.error.URLError, ValueError) as error:
            log.warning("the light's webhook does not answer", reason=type(error).__name__)


def _post(request: urllib.request.Request) -> None:
    with urllib.request.urlopen(request, timeout=WEBHOOK_SECONDS):  # noqa: S310
        pass
