"""The configuration of nats-server: whom it believes, what it keeps, how long it bears with a slow client.

Who may do what stands in tokens (`vigie_hub.bus.trust`), so that the file stays the same when agents come and go.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from vigie_hub.bus.certificates import Certificates
from vigie_hub.bus.trust import LISTS_BYTES, Trust
from vigie_hub.settings import HubSettings

DEFAULT_PORT: Final = 4222
SYNC_SECONDS: Final = 10
"""How often streams reach the disk. The hub signs receipts on its own commit, so that a power cut of nats-server
costs what agents send again, never an event: 10 s of that, against an fsync a message at 40 times the time."""
PENDING_BYTES_MAX: Final = 64 * 1024**2
"""What may wait for one slow client before it is cut: more than the hub ever asks for at once (48 MiB, `sync.pulling`),
so that no agent can have the hub cut. For agents nothing waits but what they asked for."""
_WRITE_SECONDS: Final = 30
"""How long a client may take nothing at all: an outage of a mobile link, not a dead one."""
PING_SECONDS: Final = 65
"""A little longer than heartbeats are apart: nats-server pings only whom it has not heard; a PING costs 200 bytes."""
PINGS_MAX: Final = 1
"""Unanswered ones. A box that lost its power is missed after 130 s; a live one is long back by itself."""
_LOGIN_SECONDS: Final = 30
"""A fleet that returns at once takes longer than the default 2."""


@dataclass(frozen=True)
class NatsConfiguration:
    """What nats-server is told. `tokens` are those of both accounts; newer ones in `folder` win."""

    url: str
    folder: Path
    operator_token: str
    system_account: str
    tokens: Mapping[str, str]
    stream_bytes_max: int
    certificates: Certificates | None = None

    @property
    def host(self) -> str:
        """Where it listens."""
        return urlsplit(self.url).hostname or "127.0.0.1"

    @property
    def port(self) -> int:
        """The port it listens on."""
        return urlsplit(self.url).port or DEFAULT_PORT

    def access(self) -> dict[str, object]:
        """Who may log in, and how."""
        settings: dict[str, object] = {
            "operator": self.operator_token,
            "system_account": self.system_account,
            "resolver": {"type": "full", "dir": str(self.folder / "accounts"), "allow_delete": False},
            "resolver_preload": dict(self.tokens),
            "authorization": {"timeout": _LOGIN_SECONDS},
        }
        if self.certificates is not None:
            settings["tls"] = {
                "cert_file": str(self.certificates.certificate.resolve()),
                "key_file": str(self.certificates.key.resolve()),
                "handshake_first": True,
                "timeout": _LOGIN_SECONDS,
            }
        return settings

    def streams(self) -> dict[str, object]:
        """What it keeps.

        What may wait for the disk stays at the default (10,000 messages, 128 MB): with less a flood has the messages of
        honest agents refused, which then wait for longer than they would have in that queue.
        """
        return {
            "store_dir": str(self.folder / "streams"),
            "sync_interval": f"{SYNC_SECONDS}s",
            "max_file_store": self.stream_bytes_max + 2 * LISTS_BYTES,
            "max_memory_store": LISTS_BYTES // 8,
        }

    def patience(self) -> dict[str, object]:
        """How long it bears with whom: silent clients, and slow ones."""
        return {
            "ping_interval": f"{PING_SECONDS}s",
            "ping_max": PINGS_MAX,
            "write_deadline": f"{_WRITE_SECONDS}s",
            "max_pending": PENDING_BYTES_MAX,
        }

    def text(self) -> str:
        """The file for `nats-server -c`; its syntax takes JSON values as they are."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        settings: dict[str, object] = {
            "server_name": "vigie",
            "listen": f"{host}:{self.port}",
            **self.access(),
            "jetstream": self.streams(),
            **self.patience(),
        }
        lines = [
            "# Written by `vigie hub`; change its settings, not this file.",
            "# With GOGC=35 in its environment nats-server serves a large fleet with less memory,",
            "# and with GOMAXPROCS=1, on a machine of two processors, with less work.",
        ]
        lines += [f"{key}: {json.dumps(value, indent=2)}" for key, value in settings.items()]
        return "\n".join(lines) + "\n"


def nats_configuration(
    settings: HubSettings, trust: Trust, revocations: Mapping[str, int], certificates: Certificates
) -> NatsConfiguration:
    """What nats-server must know of this hub."""
    stream_bytes_max = settings.nats.stream_bytes_max
    return NatsConfiguration(
        url=settings.nats.url,
        folder=settings.data_dir.resolve() / "nats",
        operator_token=trust.operator_token,
        system_account=trust.system_account,
        tokens={
            trust.system_account: trust.system_token(),
            trust.account: trust.first_account_token(revocations, stream_bytes_max),
        },
        stream_bytes_max=stream_bytes_max,
        certificates=certificates if settings.nats.url.startswith("tls://") else None,
    )
