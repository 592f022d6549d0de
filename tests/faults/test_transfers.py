"""`kill -9` of the agent or the hub, and cut sockets, at random points of a transfer, over both roads: what arrives is
exact, and goes on where it was.

A few kills in the default run; a hundred over each road, with a table, with
`pytest -m soak tests/faults/test_transfers.py`.
"""

import json
import os
import random
import signal
import socket
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

import httpx
import pytest

from tests.faults.fleet import Fleet, running_fleet
from tests.faults.victims import Victim
from vigie_agent import credentials
from vigie_agent.store import Reader
from vigie_hub import users
from vigie_hub.archive.files import Archive
from vigie_hub.database import Database
from vigie_hub.settings import HubSettings
from vigie_hub.video.pull.roads import Road
from vigie_shared.clock import SystemClock
from vigie_shared.transfer import BLOCK_BYTES

AGENT: Final = "edge-1"
CLIP_BYTES: Final = 5_000_000
RATE_KBPS: Final = 8_000
KILLS_A_CLIP: Final = 3
SETTLE_SECONDS: Final = 150
SIGN_IN: Final = ("amal", "correct horse battery")
RUNS: Final = int(os.environ.get("VIGIE_RUNS", "100"))
SEED: Final = int(os.environ.get("VIGIE_SEED", random.randrange(10**6)))


@dataclass(frozen=True)
class Kill:
    """One fault, and what came of it."""

    victim: str
    sent_again_bytes: int
    resumed_seconds: float
    """From when both ends ran again to the first frame."""


class Ear:
    """Hears what leaves the agent."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.ready = self.sessions = 0
        self.frames: list[tuple[float, int, int]] = []
        """When, from where, to where."""
        self.first_of_session: dict[int, int] = {}
        """The number of each session's first frame."""

    def hear(self, line: str) -> None:
        what, *fields = line.split()
        with self._changed:
            if what == "sent":
                offset, length = int(fields[1]), int(fields[2])
                self.first_of_session.setdefault(self.sessions, len(self.frames))
                self.frames.append((time.monotonic(), offset, offset + length))
            elif what == "begun":
                self.sessions += 1
            else:
                self.ready += 1
            self._changed.notify_all()

    def wait(self, what: str, is_so: object) -> None:
        with self._changed:
            assert self._changed.wait_for(is_so, SETTLE_SECONDS), f"stuck: {what}"  # type: ignore[arg-type]

    def reached(self, since: int) -> int:
        """The end of the furthest frame from number `since` on."""
        return max((end for _at, _start, end in self.frames[since:]), default=0)


def lasting_port() -> int:
    """One that stays free while a killed hub is away: none that the kernel gives to whoever dials."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="utf-8").split()[0])
    for port in random.sample(range(first // 2, first), 50):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


@dataclass
class Site:
    """A fleet of one agent whose hub listens where the agent expects it."""

    fleet: Fleet
    hub: Victim
    agent: Victim
    agent_ear: Ear
    hub_ear: Ear
    url: str

    def clips(self) -> dict[str, str]:
        """Digests by id, as the hub knows them."""
        with closing(sqlite3.connect(self.fleet.folder / "hub" / "hub.db")) as connection:
            return dict(connection.execute("SELECT clip_id, sha256 FROM clips ORDER BY clip_id"))

    def ask(self, clip_id: str, method: str = "GET", path: str = "") -> dict[str, object] | None:
        """The clip's archive state; None where the hub does not answer."""
        try:
            answer = httpx.request(method, f"{self.url}/api/v1/clips/{clip_id}{path}", auth=SIGN_IN, timeout=20)
        except httpx.HTTPError:
            return None
        found: dict[str, object] | None = answer.json().get("archive")
        return found


@contextmanager
def open_site(folder: Path, road: Road, clips: int) -> Iterator[Site]:
    with running_fleet(folder, 1) as fleet:
        port = lasting_port()
        text = fleet.hub_settings.read_text(encoding="utf-8").replace("port = 0", f"port = {port}")
        fleet.hub_settings.write_text(f'{text}[video]\nroad = "{road}"\n', encoding="utf-8")
        with Database(HubSettings.load(fleet.hub_settings).database_path) as database:
            users.add(database, *SIGN_IN, SystemClock().now())
        member = credentials.load(folder / AGENT)
        assert member is not None
        credentials.save(folder / AGENT, member.model_copy(update={"api_url": f"http://127.0.0.1:{port}"}))
        with fleet.agent_settings(AGENT).open("a", encoding="utf-8") as settings:
            settings.write(f"[link]\nrate_kbps = {RATE_KBPS}\n")
        arguments = [str(fleet.agent_settings(AGENT)), str(clips), str(CLIP_BYTES)]
        agent_ear, hub_ear = Ear(), Ear()
        agent = Victim([sys.executable, "-m", "tests.faults.holding", *arguments], folder / "agent.log", agent_ear.hear)
        hub = Victim(fleet.hub_command, folder / "hub.log", hub_ear.hear)
        with hub, agent:
            yield Site(fleet, hub, agent, agent_ear, hub_ear, f"http://127.0.0.1:{port}")


@dataclass
class Campaign:
    """Clip after clip, each killed a few times on its way."""

    kills: list[Kill] = field(default_factory=list)
    found: Counter[str] = field(default_factory=Counter)
    received_again_bytes: list[int] = field(default_factory=list)
    """Of each clip, by the hub that finished it: what had arrived there before."""

    def run(self, folder: Path, road: Road, kills: int, chance: random.Random) -> None:
        clips = -(-kills // KILLS_A_CLIP)
        with open_site(folder, road, clips) as site:
            _until("the hub knows all clips", lambda: len(site.clips()) == clips)
            for clip_id in site.clips():
                self.pull(site, clip_id, min(KILLS_A_CLIP, kills), chance)
                kills -= KILLS_A_CLIP
        self.compare(site)

    def pull(self, site: Site, clip_id: str, kills: int, chance: random.Random) -> None:
        ear, began = site.agent_ear, len(site.agent_ear.frames)
        _until("the hub takes the wish", lambda: site.ask(clip_id, "POST", "/pull") is not None)
        for point in sorted(chance.randrange(BLOCK_BYTES, CLIP_BYTES - 2 * BLOCK_BYTES) for _ in range(kills)):
            ear.wait(f"{clip_id} reaches {point}", lambda point=point: ear.reached(began) >= point)
            self.kills.append(self.kill(site, chance, began))
        _until(f"{clip_id} is here", lambda: (site.ask(clip_id) or {}).get("state") == "verified")
        self.found["clips"] += 1

    @staticmethod
    def kill(site: Site, chance: random.Random, began: int) -> Kill:
        """A fault, and how it goes on."""
        ear, victim = site.agent_ear, chance.choice(["agent", "hub", "socket"])
        sessions = ear.sessions
        if victim == "socket":
            assert site.agent._process is not None
            site.agent._process.send_signal(signal.SIGUSR1)
        else:
            process, heard = (site.agent, ear) if victim == "agent" else (site.hub, site.hub_ear)
            ready = heard.ready
            process.kill()
            process.start()
            heard.wait(f"the {victim} is back", lambda: heard.ready > ready)
        at = time.monotonic()
        ear.wait("the transfer goes on", lambda: max(ear.first_of_session) > sessions)
        number = ear.first_of_session[min(one for one in ear.first_of_session if one > sessions)]
        seconds, first, _end = ear.frames[number]
        reached = max(end for _at, _start, end in ear.frames[began:number])
        return Kill(victim, reached - first, max(0.0, seconds - at))

    def compare(self, site: Site) -> None:
        """What lies in the archive, byte for byte with what the agent keeps."""
        archive, reader = Archive(site.fleet.folder / "hub" / "archive"), Reader(site.fleet.folder / AGENT)
        try:
            for clip_id, sha256 in site.clips().items():
                path = archive.path(sha256)
                stored = path.read_bytes() if path.exists() else b""
                kept = b"".join(reader.read(clip_id, 0, CLIP_BYTES))
                self.found["bytes"] += len(kept)
                self.found["bytes that differ"] += differences(stored, kept)
        finally:
            reader.close()
        for line in (site.fleet.folder / "hub.log").read_text(encoding="utf-8").splitlines():
            if '"clip_archived"' in line:
                told = json.loads(line)
                self.received_again_bytes.append(max(0, told["received_bytes"] - told["bytes"]))

    def table(self) -> str:
        again = [kill.sent_again_bytes / 1024 for kill in self.kills] or [0.0]
        seconds = [kill.resumed_seconds for kill in self.kills] or [0.0]
        victims = Counter(kill.victim for kill in self.kills)
        lines = [f"{row:<20} {self.found[row]}" for row in ("clips", "bytes", "bytes that differ")]
        lines += [f"kills of {victim:<11} {count}" for victim, count in sorted(victims.items())]
        lines.append(f"sent again, KiB      median {median(again):.0f}, most {max(again):.0f}")
        lines.append(f"received again, KiB  most {max(self.received_again_bytes, default=0) / 1024:.0f} a clip")
        lines.append(f"resumed after, s     median {median(seconds):.2f}, most {max(seconds):.2f}")
        return "\n".join(lines)


def differences(one: bytes, other: bytes) -> int:
    return sum(a != b for a, b in zip(one, other, strict=False)) + abs(len(one) - len(other))


def _until(what: str, is_so: object) -> None:
    deadline = time.monotonic() + SETTLE_SECONDS
    while not is_so():  # type: ignore[operator]
        assert time.monotonic() < deadline, f"stuck: {what}"
        time.sleep(0.05)


def assert_exact(campaign: Campaign, kills: int) -> None:
    """No byte differs; nothing that arrived travels again, and of what left, what was on the road: at most a block."""
    print(campaign.table())
    assert len(campaign.kills) == kills, campaign.table()
    assert campaign.found["bytes"] == campaign.found["clips"] * CLIP_BYTES > 0, campaign.table()
    assert campaign.found["bytes that differ"] == 0, campaign.table()
    assert max(campaign.received_again_bytes) == 0, campaign.table()
    assert all(kill.sent_again_bytes <= BLOCK_BYTES for kill in campaign.kills), campaign.table()


@pytest.fixture
def chance() -> random.Random:
    """Said where a test fails, so that it can be seen again."""
    print(f"VIGIE_SEED={SEED}")
    return random.Random(SEED)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("road", ["tcp", "channel"])
def test_a_transfer_is_exact_whatever_is_killed(tmp_path: Path, chance: random.Random, road: Road) -> None:
    campaign = Campaign()
    campaign.run(tmp_path, road, KILLS_A_CLIP, chance)
    assert_exact(campaign, KILLS_A_CLIP)


def test_bytes_that_differ_or_are_missing_are_counted() -> None:
    """The campaign itself can fail."""
    assert differences(b"exact", b"exact") == 0
    assert differences(b"exakt", b"exact") == 1
    assert differences(b"ex", b"exact") == 3


@pytest.mark.soak
@pytest.mark.timeout(14_400)
@pytest.mark.parametrize("road", ["tcp", "channel"])
def test_a_hundred_killed_transfers_are_exact(tmp_path: Path, chance: random.Random, road: Road) -> None:
    campaign = Campaign()
    campaign.run(tmp_path, road, RUNS, chance)
    assert_exact(campaign, RUNS)
