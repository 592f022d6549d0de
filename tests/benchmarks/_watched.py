"""A process that watches many cameras, as the agent does, and prints what that cost (JSON): run by `cameras`."""

import argparse
import json
import resource
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vigie_agent import logs
from vigie_agent.camera import CameraWatch, FinishedClip
from vigie_agent.camera_settings import CameraSettings, ClipSettings, MotionSettings, PlateSettings
from vigie_agent.capture.consumer import PacketConsumer, Source, SourceStatistics
from vigie_agent.capture.ingest import Ingest, open_source
from vigie_agent.capture.packets import Packet, StreamInfo
from vigie_agent.motion.budget import DecodeBudget
from vigie_agent.motion.decoder import KeyframeDecoder
from vigie_agent.plates.pipeline import PlateReader
from vigie_agent.watching import reading_settings
from vigie_shared.clock import SystemClock
from vigie_shared.errors import CaptureError
from vigie_shared.events import AnyEvent, MotionEnded, MotionStarted, PlateRead

START_SECONDS_MAX = 60.0
BUDGET = DecodeBudget(MotionSettings().full_decodes_max)
KEYFRAMES = KeyframeDecoder()


class Counter:
    """Takes packets and leaves it at that."""

    def __init__(self) -> None:
        self.packets = 0

    def on_stream(self, stream: StreamInfo) -> None:
        pass

    def on_packet(self, packet: Packet) -> None:
        self.packets += 1

    def on_lost(self, error: CaptureError) -> None:
        pass

    def on_end(self) -> None:
        pass


class Tally:
    """Writes clips where a disk would be asked to, and counts."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "clip.mp4"
        self._guard = threading.Lock()
        self._spans: dict[str, list[tuple[datetime, datetime | None]]] = {}
        self.motions = 0
        self.clips = 0

    def record(self, event: AnyEvent) -> None:
        with self._guard:
            spans = self._spans.setdefault(event.camera_id, []) if event.camera_id is not None else []
            if isinstance(event, MotionStarted):
                self.motions += 1
                spans.append((event.at, None))
            elif isinstance(event, MotionEnded) and spans:
                spans[-1] = (spans[-1][0], event.at)

    def moving_share(self, camera_id: str, begin: datetime, end: datetime) -> float:
        """The share of the time between `begin` and `end` in which a motion of the camera was on."""
        with self._guard:
            spans = [(max(begin, first), min(end, last or end)) for first, last in self._spans.get(camera_id, [])]
        moving_seconds = sum(max(0.0, (last - first).total_seconds()) for first, last in spans)
        return moving_seconds / (end - begin).total_seconds()

    def record_read(self, event: PlateRead, crop_jpeg: bytes) -> None:
        pass

    def keep_clip(self, clip: FinishedClip) -> None:
        with self._guard:
            self.clips += 1
            self._path.write_bytes(b"".join(clip.segments))


def urls(farm: str, idle: int, busy: int) -> list[str]:
    """Film 0 is quiet, film 1 is not."""
    return [f"{farm}/0/{number}" for number in range(idle)] + [f"{farm}/1/{number}" for number in range(busy)]


def settings(url: str, number: int) -> CameraSettings:
    return CameraSettings(camera_id=f"c{number}", source=url, timeout_seconds=20)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("farm")
    parser.add_argument("--idle", type=int, default=1)
    parser.add_argument("--busy", type=int, default=0)
    parser.add_argument("--warm-up", type=float, default=10)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--every", type=float, default=60, help="seconds between looks at the memory")
    parser.add_argument("--by", choices=["vigie", "ffmpeg"], default="vigie")
    parser.add_argument("--receive-only", action="store_true")
    parser.add_argument("--plates", choices=["none", "busy", "all"], default="busy", help="who has a plate reader")
    arguments = parser.parse_args()
    logs.configure("warning")
    with tempfile.TemporaryDirectory() as folder:
        if arguments.by == "ffmpeg":
            found = measured(arguments, None, Tally(Path(folder)))
        else:
            with Ingest() as ingest:
                found = measured(arguments, ingest, Tally(Path(folder)))
    print(json.dumps(found), flush=True)


def measured(arguments: argparse.Namespace, ingest: Ingest | None, tally: Tally) -> dict[str, Any]:
    """Start, warm up, and watch what the next seconds cost."""
    resting_bytes = resident_bytes()
    sources = started(arguments, ingest, tally)
    wait_for_all(sources, arguments.by)
    time.sleep(arguments.warm_up)
    if ingest is not None:
        ingest.receiver.late_seconds_max = 0.0
    before = [source.statistics() for source in sources]
    packets = sum(packets_of(source) for source in sources)
    cpu, began, marks, begun_at = time.process_time(), time.monotonic(), [], datetime.now(UTC)
    while (passed := time.monotonic() - began) < arguments.seconds:
        time.sleep(min(arguments.every, arguments.seconds - passed))
        marks.append(resident_bytes() - resting_bytes)
    cpu, passed, ended_at = time.process_time() - cpu, time.monotonic() - began, datetime.now(UTC)
    after = [source.statistics() for source in sources]
    found = {
        "cpu_ms_per_camera_second": cpu * 1000 / passed / len(sources),
        "rss_bytes": marks,
        "late_ms_max": ingest.receiver.late_seconds_max * 1000 if ingest is not None else 0.0,
        "dropped_packets": total(after, "dropped_packets") - total(before, "dropped_packets"),
        "lost_packets": total(after, "lost_packets") - total(before, "lost_packets"),
        "losses": total(after, "losses") - total(before, "losses"),
        "packets": sum(packets_of(source) for source in sources) - packets,
        "seconds": passed,
        "motions": tally.motions,
        "clips": tally.clips,
        "moving_shares": [tally.moving_share(f"c{number}", begun_at, ended_at) for number in range(len(sources))],
        "context_switches": resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw,
    }
    for source in sources:
        source.stop()
    return found


def total(statistics: list[SourceStatistics], name: str) -> int:
    return sum(getattr(one, name) for one in statistics)


class _Watched:
    """A source or a watch: what both can be asked."""

    def __init__(self, part: Source | CameraWatch, counter: Counter | None) -> None:
        self._part = part
        self._counter = counter
        self.start, self.stop = part.start, part.stop

    def statistics(self) -> SourceStatistics:
        return self._part.reception() if isinstance(self._part, CameraWatch) else self._part.statistics()

    @property
    def packets(self) -> int:
        return self._counter.packets if self._counter is not None else 0

    @property
    def is_streaming(self) -> bool:
        return self._part.health().state == "streaming" if isinstance(self._part, CameraWatch) else self.packets > 0


def packets_of(source: _Watched) -> int:
    return source.packets


def started(arguments: argparse.Namespace, ingest: Ingest | None, tally: Tally) -> list[_Watched]:
    sources = []
    for number, url in enumerate(urls(arguments.farm, arguments.idle, arguments.busy)):
        camera, counter = settings(url, number), Counter()
        part: Source | CameraWatch
        if arguments.receive_only:
            part = open_source(camera, consumer(counter), SystemClock(), ingest=ingest)
        else:
            part = CameraWatch(
                camera,
                MotionSettings(),
                ClipSettings(),
                PlateSettings(),
                sink=tally,
                clock=SystemClock(),
                observer=plate_reader(arguments, is_busy=number >= arguments.idle),
                ingest=ingest,
                budget=BUDGET,
                keyframes=KEYFRAMES,
            )
        sources.append(_Watched(part, counter if arguments.receive_only else None))
        sources[-1].start()
        if ingest is None:
            time.sleep(0.05)  # Many at once delay each other.
    return sources


def plate_reader(arguments: argparse.Namespace, *, is_busy: bool) -> PlateReader | None:
    """As the agent gives each camera one."""
    is_wanted = arguments.plates == "all" or (arguments.plates == "busy" and is_busy)
    return PlateReader(reading_settings(PlateSettings())) if is_wanted else None


def consumer(counter: Counter) -> PacketConsumer:
    return counter


def wait_for_all(sources: list[_Watched], by: str) -> None:
    until = time.monotonic() + START_SECONDS_MAX
    while missing := sum(not source.is_streaming for source in sources):
        if time.monotonic() > until:
            raise SystemExit(f"{missing} of {len(sources)} cameras never came ({by})")
        time.sleep(0.1)


def resident_bytes() -> int:
    """Memory of this process that is in use (proc(5))."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    main()
