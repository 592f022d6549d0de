"""What an agent costs that has nothing to tell: its elements, each measured on a TLS connection to a real nats-server,
both ways, with headers and acknowledgements; a month is so many of each.
"""

import asyncio
import json
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import nats
from nats.aio.client import Client

from tests.benchmarks._metered import MeteredRelay
from tests.servers.nats_server import NatsServer
from vigie_agent.uplink.connection import PING_SECONDS
from vigie_agent.uplink.heartbeat import WHOLE_SECONDS, HeartbeatPlan
from vigie_agent.uplink.settings import HeartbeatSettings
from vigie_hub.bus.certificates import Certificates
from vigie_hub.settings import TlsSettings
from vigie_shared import subjects
from vigie_shared.heartbeats import CameraHealth, Heartbeat
from vigie_shared.link import LinkReport

AGENT: Final = "rabat-07"
START: Final = datetime(2026, 3, 1, 8, tzinfo=UTC)
MONTH_SECONDS: Final = 30 * 86_400
ROUNDS: Final = 8
SETTLE_SECONDS: Final = 0.3
"""Longer than an acknowledgement is put off for."""
FIRST_BEAT_SECONDS: Final = 10.0
FIRST_PING_SECONDS: Final = 20.0
"""Of the first release, which said everything each time, in JSON."""


def beat(minute: int) -> Heartbeat:
    """Four cameras that see nothing."""
    cameras = tuple(
        CameraHealth(
            camera_id=f"north-{number}",
            name=f"North {number}",
            state="streaming",
            frames_per_second=25 - minute % 3 / 10,
            kbps=900.0 + minute % 70,
            moving=False,
        )
        for number in range(4)
    )
    at = START + timedelta(minutes=minute)
    link = LinkReport(at=at, kind="lte", connected=True, pace_kbps=62.7, in_flight_bytes=0, sent_today_bytes=9 * minute)
    return Heartbeat(
        agent_id=AGENT,
        epoch="0" * 22,
        version="0.1.0",
        at=at,
        interval_seconds=HeartbeatSettings().interval_seconds,
        cameras=cameras,
        newest={"hlt": 12, "lpr": 4211, "mot": 803, "clip": 402},
        clips_kept=402,
        clips_bytes=961_204_117,
        disk_free_bytes=12_000_000_000 - minute * 4096,
        link=link,
    )


def megabytes_a_month() -> tuple[float, float]:
    """Ours, and the first release's."""
    with tempfile.TemporaryDirectory() as name:
        certificates = Certificates(Path(name), TlsSettings(), [])
        certificates.ensure(datetime.now(UTC))
        tls = {"cert_file": str(certificates.certificate), "key_file": str(certificates.key), "handshake_first": True}
        with NatsServer(Path(name) / "nats", f"tls: {json.dumps(tls | {'timeout': 30})}") as server:
            return asyncio.run(_measure(server.port, certificates.client_context()))


async def _measure(port: int, context: ssl.SSLContext) -> tuple[float, float]:
    relay, plan = MeteredRelay(), HeartbeatPlan()
    async with relay.running(port):
        client = await nats.connect(
            f"tls://127.0.0.1:{relay.port}", tls=context, tls_handshake_first=True, ping_interval=3600
        )
        try:
            await asyncio.sleep(SETTLE_SECONDS)
            whole = await _cost(client, relay, [plan.feed(beat(0)) or b""])
            deltas = [plan.feed(beat(minute)) or b"" for minute in range(1, ROUNDS + 1)]
            delta = await _cost(client, relay, deltas)
            plain = await _cost(client, relay, [beat(minute).model_dump_json().encode() for minute in range(ROUNDS)])
            ping = await _cost(client, relay, [None] * ROUNDS)
        finally:
            await client.close()
    interval = HeartbeatSettings().interval_seconds
    ours = whole / WHOLE_SECONDS + delta * (1 / interval - 1 / WHOLE_SECONDS) + ping / PING_SECONDS
    theirs = plain / FIRST_BEAT_SECONDS + ping / FIRST_PING_SECONDS
    return ours * MONTH_SECONDS / 1e6, theirs * MONTH_SECONDS / 1e6


async def _cost(client: Client, relay: MeteredRelay, payloads: list[bytes] | list[None]) -> float:
    """Bytes of each, both ways; None is a PING and its PONG."""
    before = relay.count()
    for payload in payloads:
        if payload is None:
            await client.flush()
        else:
            await client.publish(subjects.heartbeat(AGENT), payload)
        await asyncio.sleep(SETTLE_SECONDS)
    crossed = relay.count().since(before)
    return (crossed.up_wire_bytes + crossed.down_wire_bytes) / len(payloads)
