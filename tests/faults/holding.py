"""An agent without cameras that keeps some clips for its hub to pull, and can have its sockets cut.

`python -m tests.faults.holding SETTINGS CLIPS CLIP_BYTES`. The clips are made at the first start. Lines: `ready` once
the uplink runs, `begun CLIP_ID` for each session, `sent CLIP_ID OFFSET LENGTH` for each frame that leaves. SIGUSR1 cuts
whatever carries a clip.
"""

import asyncio
import dataclasses
import gc
import random
import signal
import socket
import sys
from pathlib import Path

from tests.agent.store import samples
from tests.agent.store.samples import settle
from tests.faults.reporting import say
from vigie_agent import credentials, logs
from vigie_agent import settings as agent_settings
from vigie_agent.credentials import Credentials
from vigie_agent.health import Health
from vigie_agent.keeping import opened_store
from vigie_agent.keys import load_or_make_agent_key
from vigie_agent.linking import make_uplink
from vigie_agent.store import Store
from vigie_agent.video.clips import desk, session
from vigie_agent.video.clips.tcp_road import TcpPeer
from vigie_shared.clock import SystemClock

SEGMENT_BYTES = 300_000


def keep_clips(store: Store, clips: int, clip_bytes: int) -> None:
    """As many as there should be; no two stretches of bytes are alike."""
    for number in range(store.counts().clips, clips):
        data = random.Random(number).randbytes(clip_bytes)
        segments = tuple(data[at : at + SEGMENT_BYTES] for at in range(0, clip_bytes, SEGMENT_BYTES))
        store.keep_clip(dataclasses.replace(samples.clip(clip_bytes, 1), segments=segments))
        settle(store)


class Telling(session.ClipSession):
    """Says what leaves."""

    async def run(self) -> bool:
        say(f"begun {self._clip_id}")
        return await super().run()

    async def _send_frame(self, offset: int, data: bytes) -> None:
        await super()._send_frame(offset, data)
        say(f"sent {self._clip_id} {offset} {len(data)}")


def cut() -> None:
    """Close the sockets of all sessions under them, as a link that breaks would."""
    for found in gc.get_objects():  # by type(): isinstance asks a weak proxy for what is gone
        if issubclass(type(found), TcpPeer):
            found._writer.transport.abort()
        elif issubclass(type(found), asyncio.BaseTransport) and _is_datagram(found):
            found.abort()  # _SelectorDatagramTransport has no public type that has this


def _is_datagram(transport: asyncio.BaseTransport) -> bool:
    """What carries a data channel; nothing else here does."""
    socket_in_it = transport.get_extra_info("socket")
    return socket_in_it is not None and socket_in_it.type == socket.SOCK_DGRAM


async def main(path: Path, clips: int, clip_bytes: int) -> None:
    logs.configure("info")
    settings, clock = agent_settings.load(path), SystemClock()
    key, member = load_or_make_agent_key(settings.data_dir), credentials.load(settings.data_dir)
    assert member is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, cut)
    async with opened_store(settings, key, clock) as store:
        await asyncio.to_thread(keep_clips, store, clips, clip_bytes)
        health = Health(store, settings.agent_id, settings.data_dir, [], interval_seconds=60, clock=clock)
        say("ready")
        await make_uplink(settings, Credentials(settings.data_dir, key, member), store, health, clock).run()


if __name__ == "__main__":
    setattr(desk, "ClipSession", Telling)  # noqa: B010
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
