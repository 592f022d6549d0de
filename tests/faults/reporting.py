"""An agent without cameras: a real store, the real uplink, and events as fast as it is told to; ends when it is killed.

`python -m tests.faults.reporting SETTINGS EVENTS PER_SECOND`. It goes on where its store ends, so that it can be killed
and started again. Lines: `recorded COUNT` once so many are durable here, `acked COUNT` once nats-server has confirmed
so many, `signed COUNT` once the hub has signed for them.
"""

import asyncio
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from tests.agent.store.samples import settle
from vigie_agent import credentials, logs
from vigie_agent import settings as agent_settings
from vigie_agent.credentials import Credentials
from vigie_agent.health import Health
from vigie_agent.keeping import opened_store
from vigie_agent.keys import load_or_make_agent_key
from vigie_agent.linking import make_uplink
from vigie_agent.store import Store
from vigie_agent.uplink.outbox import Outbox
from vigie_shared.clock import SystemClock
from vigie_shared.events import AnyEvent, MotionStarted, PlateRead
from vigie_shared.ids import unique_id

LOOK_SECONDS: Final = 0.05
BURST: Final = 50
START: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)


def made_event(number: int, agent_id: str) -> AnyEvent:
    """Event `number` of an agent: what it says is like no other's."""
    chance = random.Random(f"{agent_id} {number}")
    at = START + timedelta(milliseconds=40 * number)
    if number % 3 == 0:
        box = (0.1, 0.2, 0.3, round(chance.random(), 3))
        return MotionStarted(at=at, camera_id="gate", motion_id=unique_id(at), score=chance.random(), region=box)
    return PlateRead(
        at=at,
        camera_id="gate",
        read_id=unique_id(at),
        text=f"{chance.randrange(1, 100_000)}|أ|{chance.randrange(1, 90)}",
        plate_kind="civil",
        confidence=0.75,
        uncertain=bool(number % 2),
        frame_count=chance.randrange(1, 40),
        first_seen_at=at - timedelta(seconds=1),
        last_seen_at=at,
        direction="approaching",
        box=(0.1, 0.2, 0.3, 0.4),
        crop_bytes=4,
    )


def count(store: Store) -> int:
    """How many events the store has ever taken."""
    return sum(store.newest().values())


async def report(store: Store, agent_id: str, events: int, per_second: float) -> None:
    """Record up to event number `events`, about as fast as `per_second`; each burst is durable before the next."""
    recorded = await asyncio.to_thread(count, store)
    while recorded < events:
        last = min(recorded + BURST, events)
        for number in range(recorded + 1, last + 1):
            store.record(made_event(number, agent_id))
        await asyncio.to_thread(settle, store)
        recorded = last
        say(f"recorded {recorded}")
        await asyncio.sleep(BURST / per_second)


async def watch(store: Store, outbox: Outbox) -> None:
    """Tell how far nats-server has confirmed, and the hub signed."""
    told: dict[str, int] = {}
    while True:
        now = {
            "acked": sum(state.acked for state in outbox._lanes.values()),
            "signed": await asyncio.to_thread(lambda: sum(store.receipted().values())),
        }
        for what, number in now.items():
            if number != told.get(what, 0):
                say(f"{what} {number}")
        told = now
        await asyncio.sleep(LOOK_SECONDS)


def say(line: str) -> None:
    """At once: whoever listens counts on it."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def main(path: Path, events: int, per_second: float) -> None:
    logs.configure("warning")
    settings, clock = agent_settings.load(path), SystemClock()
    key, member = load_or_make_agent_key(settings.data_dir), credentials.load(settings.data_dir)
    assert member is not None
    async with opened_store(settings, key, clock) as store:
        health = Health(store, settings.agent_id, settings.data_dir, [], interval_seconds=60, clock=clock)
        link = make_uplink(settings, Credentials(settings.data_dir, key, member), store, health, clock)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(link.run())
            tasks.create_task(report(store, settings.agent_id, events, per_second))
            tasks.create_task(watch(store, link._receipts.outbox))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
