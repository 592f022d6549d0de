"""The configuration of nats-server: who may log in, by key, and what each may say and hear.

An agent speaks and hears under its own name only, and has no right in JetStream's API.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from vigie_hub.settings import HubSettings
from vigie_shared import subjects

HUB_INBOX_PREFIX: Final = "_H"
DEFAULT_PORT: Final = 4222
_PENDING_BYTES_MAX: Final = 8 * 1024**2
"""What may wait for one slow client before it is cut."""
_LOGIN_SECONDS: Final = 30
"""A fleet that returns at once takes longer than the default 2."""
_HUB_MAY_PUBLISH: Final = (
    f"$JS.API.STREAM.*.{subjects.STREAM}",
    f"$JS.API.CONSUMER.*.{subjects.STREAM}.>",
    f"$JS.API.CONSUMER.DURABLE.CREATE.{subjects.STREAM}.>",
    f"$JS.API.CONSUMER.MSG.NEXT.{subjects.STREAM}.>",
    f"$JS.API.STREAM.*.{subjects.HOTLIST_STREAM}",
    f"$JS.API.STREAM.MSG.GET.{subjects.HOTLIST_STREAM}",
    f"$JS.API.DIRECT.GET.{subjects.HOTLIST_STREAM}.>",
    f"$JS.API.CONSUMER.*.{subjects.HOTLIST_STREAM}.>",
    f"$KV.{subjects.HOTLIST_BUCKET}.>",
    "$JS.API.INFO",
    f"$JS.ACK.{subjects.STREAM}.>",
    "c.>",
    "_I.>",
)
_HUB_MAY_SUBSCRIBE: Final = (
    subjects.ALL_HEARTBEATS,
    subjects.ALL_WATERMARK_QUESTIONS,
    subjects.ALL_REQUESTS,
    f"{HUB_INBOX_PREFIX}.>",
)


def _agent_user(agent_id: str, public_key: str) -> dict[str, object]:
    publish = [
        f"e.{agent_id}.>",
        subjects.heartbeat(agent_id),
        subjects.watermark_question(agent_id),
        subjects.all_requests(agent_id),
        subjects.HOTLIST_DIRECT_GET,
    ]
    subscribe = [f"c.{agent_id}.>", "c.all.>", f"{subjects.inbox_prefix(agent_id)}.>"]
    return {
        "nkey": public_key,
        "permissions": {
            "publish": {"allow": publish},
            "subscribe": {"allow": subscribe},
            "allow_responses": {"max": 1, "expires": "2m"},
        },
    }


@dataclass(frozen=True)
class NatsConfiguration:
    """What nats-server is told; `agents` maps each enrolled agent to its public key."""

    url: str
    store_dir: Path
    hub_key: str
    agents: Mapping[str, str] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """Where it listens."""
        return urlsplit(self.url).hostname or "127.0.0.1"

    @property
    def port(self) -> int:
        """The port it listens on."""
        return urlsplit(self.url).port or DEFAULT_PORT

    def users(self) -> list[dict[str, object]]:
        """Who may log in, and what each may do."""
        hub: dict[str, object] = {
            "nkey": self.hub_key,
            "permissions": {
                "publish": {"allow": list(_HUB_MAY_PUBLISH)},
                "subscribe": {"allow": list(_HUB_MAY_SUBSCRIBE)},
            },
        }
        return [hub, *(_agent_user(agent_id, key) for agent_id, key in sorted(self.agents.items()))]

    def text(self) -> str:
        """The file for `nats-server -c`; its syntax takes JSON values as they are."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        settings: dict[str, object] = {
            "server_name": "vigie",
            "listen": f"{host}:{self.port}",
            "jetstream": {"store_dir": str(self.store_dir), "sync_interval": "10s"},
            "ping_interval": "30s",
            "max_pending": _PENDING_BYTES_MAX,
            "authorization": {"timeout": _LOGIN_SECONDS, "users": self.users()},
        }
        lines = ["# Written by `vigie hub` from its registry; change the registry, not this file."]
        lines += [f"{key}: {json.dumps(value, indent=2)}" for key, value in settings.items()]
        return "\n".join(lines) + "\n"


def nats_configuration(settings: HubSettings, hub_key: str, agents: Mapping[str, str]) -> NatsConfiguration:
    """What nats-server must know of this hub and its agents."""
    return NatsConfiguration(settings.nats.url, settings.data_dir.resolve() / "nats", hub_key, agents)
