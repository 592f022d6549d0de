"""The HTTP server, as a service of the hub: runs until cancelled, then closes what is open."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from vigie_hub.api.feed import Feed
from vigie_hub.bus.certificates import Certificates
from vigie_hub.video.pull.intake import HandsOver
from vigie_shared.errors import LinkError
from vigie_shared.i18n import gettext as _

_GRACE_SECONDS: Final = 5


class _Server(uvicorn.Server):
    """Signals belong to the process; open event streams end before the server waits for its connections."""

    def __init__(self, config: uvicorn.Config, feed: Feed) -> None:
        super().__init__(config)
        self._feed = feed

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._feed.close()
        await super().shutdown(sockets)


class ApiServer:
    """Serves `api` on `host` and `port` (0: any free one). Listens as soon as it is made; `run` answers.

    With certificates it speaks TLS and nothing else.
    """

    def __init__(
        self, api: ASGIApp, feed: Feed, host: str, port: int, certificates: Certificates | None = None
    ) -> None:
        self._socket = _listening(host, port)
        self._certificates = certificates
        self._config = config = uvicorn.Config(
            api,
            http=HandsOver,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=_GRACE_SECONDS,
            ssl_certfile=certificates.certificate if certificates else None,
            ssl_keyfile=certificates.key if certificates else None,
        )
        self._server = _Server(config, feed)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._socket.getsockname()[1])

    def reload(self) -> None:
        """Show the renewed certificate to whoever comes from now on."""
        if self._certificates is not None and self._config.ssl is not None:
            self._config.ssl.load_cert_chain(self._certificates.certificate, self._certificates.key)

    async def run(self) -> None:
        """Answer until cancelled."""
        serving = asyncio.ensure_future(self._server.serve(sockets=[self._socket]))
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            self._server.should_exit = True
            await serving
            raise
        finally:
            self._socket.close()


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise LinkError(
            _("cannot listen on {host} port {port}: {reason}; choose another port in [api]").format(
                host=host, port=port, reason=error.strerror or error
            )
        ) from error
    # Handed down to what is accepted. asyncio sets it only where a socket names its protocol, which these do not, and
    # without it an answer's body waits for the browser to acknowledge its head: 40 ms, mostly.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
