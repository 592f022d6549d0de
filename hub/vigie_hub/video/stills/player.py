"""A viewer that counts the stills it gets: how a camera comes through without media, for `vigie hub live`."""

import asyncio
import json
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from vigie_hub.video.live.whep_player import HubAccess
from vigie_hub.video.stills.jpeg import check_jpeg
from vigie_shared.errors import TransferError
from vigie_shared.i18n import gettext as _

JPEG: Final = "image/jpeg"


@dataclass(frozen=True, slots=True)
class StillsTally:
    """What came up to now, since the wish to look."""

    seconds: float
    stills: int
    bytes: int


class StillsPlayer:
    """One view; leaving `async with` ends it."""

    def __init__(self, access: HubAccess) -> None:
        self._access = access
        self._began = time.monotonic()
        self._session: str | None = None
        self._number = "0"
        self._stills = self._bytes = 0
        self.first_still_seconds: float | None = None
        """From the wish to look to the first picture."""
        self.size_px = (0, 0)
        self.refused: str | None = None

    async def open(self, target: dict[str, str], purpose: str) -> None:
        """Look at `target`, `agent_id` and `camera_id`. Raises CommandError, LinkError."""
        wish = json.dumps({**target, "purpose": purpose}).encode()
        _headers, body = await self._ask("POST", "/api/v1/tickets", wish, **{"content-type": "application/json"})
        ticket: dict[str, Any] = json.loads(body)
        headers, _body = await self._ask("POST", ticket["stills"], **{"vigie-ticket": ticket["ticket"]})
        self._session = headers["location"]

    async def first_still(self, seconds: float) -> None:
        """Wait for it; raises TransferError where none comes."""
        try:
            async with asyncio.timeout(seconds):
                while self.first_still_seconds is None:
                    await self.next()
        except TimeoutError as error:
            raise TransferError(
                self.refused or _("no picture came within {seconds:g} s").format(seconds=seconds)
            ) from error

    async def next(self) -> None:
        """Take the hub's next answer, a picture or none."""
        headers, body = await self._ask("GET", f"{self._session}?after={self._number}")
        self._number = headers.get("vigie-number", self._number)
        if headers.get("content-type") != JPEG:
            self.refused = json.loads(body)["reason"] if body else self.refused
            return
        self.size_px = check_jpeg(body)
        self._stills += 1
        self._bytes += len(body)
        if self.first_still_seconds is None:
            self.first_still_seconds = time.monotonic() - self._began

    def tally(self) -> StillsTally:
        """What came up to now."""
        return StillsTally(time.monotonic() - self._began, self._stills, self._bytes)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await asyncio.shield(self._ask("DELETE", self._session))

    async def _ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[dict[str, str], bytes]:
        return await asyncio.to_thread(self._access.ask, method, path, body, **headers)
