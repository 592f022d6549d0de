"""The whole thread with real parts: processes, nats-server, SQLite, WebRTC, and processes that are really killed."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import sync_playwright

VIGIE = (sys.executable, "-m", "vigie_shared")
DECODED = "async image => { await image.decode(); return image.naturalWidth; }"
PLAYED = """
video => new Promise(resolve => {
  video.addEventListener("timeupdate", () => {
    if (video.currentTime > 1) resolve([video.videoWidth, video.videoHeight]);
  });
  video.muted = true;
  video.play();
})
"""
GREETING = re.compile(r"Vigie runs at (\S+)\s+name: (\S+)\s+password: (\S+)")


class Demo:
    """A running `vigie demo`; its commentary paces the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            (*VIGIE, "demo"),
            env={**os.environ, "TMPDIR": str(folder)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.url, self.name, self.password = self.until(GREETING.search).groups()
        self.api = httpx.Client(base_url=f"{self.url}/api/v1", auth=(self.name, self.password), timeout=20)

    def until(self, sought: Callable[[str], re.Match[str] | None]) -> re.Match[str]:
        """Read the commentary up to a line in which `sought` finds something."""
        assert self.process.stderr is not None
        heard = []
        for line in self.process.stderr:
            heard.append(line)
            if found := sought(line):
                return found
        raise AssertionError(f"the demo ended: {''.join(heard[-20:])}")

    def kill(self, *words: str) -> None:
        """`kill -9` the one process of this demo whose command line has all `words`."""
        victims = [pid for pid, line in processes_in(self.folder) if all(word in line for word in words)]
        assert len(victims) == 1, (words, victims)
        os.kill(victims[0], signal.SIGKILL)

    def world(self) -> Path:
        """The demo's folder."""
        (world,) = self.folder.glob("vigie-demo-*")
        return world

    def newest_at_the_edge(self) -> dict[str, dict[str, int]]:
        """What the agents' own stores hold, by agent and lane."""
        newest = {}
        for agent in ("crossing", "gate", "patrol"):
            command = (*VIGIE, "agent", "status", "--settings", str(self.world() / f"{agent}.toml"), "--json")
            newest[agent] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["newest"]
        return newest

    def events(self) -> list[dict[str, Any]]:
        """All events of the hub, oldest first."""
        events: list[dict[str, Any]] = []
        while page := self.api.get("/events", params={"after": events[-1]["id"] if events else 0}).json()["items"]:
            events += page
        return events

    def close(self) -> None:
        """End whatever a failed test left."""
        self.api.close()
        self.process.kill()
        self.process.communicate()


def processes_in(folder: Path) -> list[tuple[int, str]]:
    """Processes whose command line names `folder`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if str(folder) in line:
            found.append((int(entry.name), line))
    return found


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    running = Demo(tmp_path)
    try:
        yield running
    finally:
        running.close()


def delivered(events: list[dict[str, Any]], newest: dict[str, dict[str, int]]) -> bool:
    """Whether every event up to `newest` is among `events`."""
    have = {(event["agent_id"], event["lane"], event["seq"]) for event in events}
    return all(
        (agent, lane, seq) in have
        for agent, lanes in newest.items()
        for lane, last in lanes.items()
        for seq in range(1, last + 1)
    )


@pytest.mark.browser
@pytest.mark.timeout(400)
def test_an_alert_leads_to_a_clip_that_plays_and_kills_lose_no_event_and_double_none(demo: Demo, chromium: str) -> None:
    """One demo for both: drawing its films takes the longest."""
    demo.until(re.compile("crossing/main  clip kept at the edge").search)
    see_the_first_alert(demo, chromium)
    demo.kill("nats-server", "nats.conf")
    demo.until(re.compile("nats-server: ended").search)
    demo.kill("hub run", "hub.toml")
    demo.until(re.compile("hub: ended").search)
    demo.until(re.compile("clip kept at the edge").search)
    lose_and_double_nothing(demo)

    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(60) == 0
    assert processes_in(demo.folder) == []
    assert list(demo.folder.iterdir()) == []


def see_the_first_alert(demo: Demo, chromium: str) -> None:
    """As a person does: sign in, see the plate, play the clip, compare the digests."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.goto(demo.url)
        page.fill("[name=name]", demo.name)
        page.fill("[name=password]", demo.password)
        page.press("[name=password]", "Enter")
        assert page.locator(".card img").first.evaluate(DECODED) > 40
        page.click(".card [data-play]")
        assert page.locator("#viewer [data-key=whole]").evaluate(PLAYED) == [960, 540]
        shown = page.locator(".digests code").all_inner_texts()
        browser.close()
    clips = demo.api.get("/clips", params={"agent_id": "crossing"}).json()["items"]
    archived = [clip for clip in clips if clip["archive"]]
    assert [clip["archive"]["state"] for clip in archived] == ["verified"]
    assert shown == [archived[0]["sha256"], archived[0]["archive"]["sha256"]]
    assert shown[0] == shown[1]


def lose_and_double_nothing(demo: Demo) -> None:
    """All that the agents' stores hold now comes to the hub, once."""
    newest = demo.newest_at_the_edge()
    while not delivered(demo.events(), newest):
        demo.until(re.compile("plate|motion|quiet").search)
    events = demo.events()
    doubled = [key for key, count in Counter((e["agent_id"], e["lane"], e["seq"]) for e in events).items() if count > 1]
    assert doubled == []
    motions = Counter(e["body"]["motion_id"] for e in events if e["kind"] == "motion_started")
    assert motions
    assert set(motions.values()) == {1}
    assert sum(agent["missing"] for agent in demo.api.get("/agents").json()["items"]) == 0


@pytest.mark.timeout(400)
def test_once_does_the_main_job_and_sums_it_up(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no film at all" * 100)
    done = subprocess.run(
        (*VIGIE, "demo", "--once", "--json", "--video", str(broken)),
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    summary = json.loads(done.stdout)
    assert summary["agents"] == 3
    assert summary["alerts"] >= 1
    assert summary["lost"] == 0
    assert summary["plates_read_exactly"] * 10 >= summary["plates_shown"] * 9
    assert len(summary["pulled"]) >= 3
    assert all(clip["sha256_agent"] == clip["sha256_hub"] for clip in summary["pulled"])
    complaints = [line for line in done.stderr.splitlines() if "broken.mp4" in line]
    assert len(complaints) == 1, done.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["broken.mp4"]


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            (*VIGIE, "demo", "--once", "--port", str(port)),
            env={**os.environ, "TMPDIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"vigie demo: port {port} of 127.0.0.1 is taken: choose another with --port, or leave it out"
    ]
    assert list(tmp_path.iterdir()) == []
