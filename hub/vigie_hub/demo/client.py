"""The hub's HTTP API, as the demo uses it: the standard library in a thread, with a name and a password."""

import asyncio
import base64
import json
import time
import urllib.error
import urllib.request
from typing import Any, Final

from vigie_shared.errors import LinkError
from vigie_shared.i18n import gettext as _

TIMEOUT_SECONDS: Final = 10.0
PATIENCE_SECONDS: Final = 30.0
RETRY_SECONDS: Final = 0.5


class HubClient:
    """Asks one hub."""

    def __init__(self, url: str, name: str, password: str) -> None:
        self._url = url
        self._authorization = "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()

    async def get(self, path: str) -> Any:
        """The JSON at `path` (below /api/v1); raises LinkError where the hub does not answer well."""
        return await asyncio.to_thread(self._ask, "GET", path)

    async def insist(self, method: str, path: str) -> Any:
        """Ask again while the hub is being started again; raises LinkError after `PATIENCE_SECONDS`."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return await asyncio.to_thread(self._ask, method, path)
            except LinkError:
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(RETRY_SECONDS)

    def _ask(self, method: str, path: str) -> Any:
        request = urllib.request.Request(  # noqa: S310 (our own http URL)
            f"{self._url}/api/v1{path}", method=method, headers={"Authorization": self._authorization}
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
                return json.load(response)
        except (OSError, ValueError) as error:
            raise LinkError(
                _("the hub at {url} does not answer {path}: {reason}").format(url=self._url, path=path, reason=error)
            ) from error
