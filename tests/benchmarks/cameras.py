"""`vigie bench cameras N`: live cameras of a real RTSP server in another process, watched as the agent watches them.

Processor time, memory, lateness and drops; the baseline is a thread and an FFmpeg demuxer for each camera, and the
server is not counted.

`--busy 4 --minutes 10` with 64 cameras: the memory at minute 1 and at the end; and whether the busy cameras were busy:
the share of the time in which they were in motion, beside the share in which somebody walks in their film.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.media.farm import REPOSITORY, farm_process
from tests.media.films import make_film, noisy, street, with_figure
from vigie_shared.bench import Measurement

SUMMARY = "live cameras: processor time, memory, lateness, drops; beside a thread and FFmpeg for each"

IDLE_CAMERAS = 64
MEGABYTE = 1e6
BUSY_SECONDS, BUSY_QUIET_SECONDS, BUSY_PERIOD_SECONDS = 25.0, 5.0, 7.3
"""The busy film: nobody at first, then somebody to and fro, at a pace that is no multiple of a GOP."""
GOP_SECONDS = 2.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--busy", type=int, default=0, metavar="N", help="cameras in which something moves all the time"
    )
    parser.add_argument("--minutes", type=float, default=0.5, help="how long to measure")
    parser.add_argument("--kbps", type=int, default=4000, help="constant bit rate of the drawn films")
    parser.add_argument("--film", type=Path, metavar="FILE", help="what the idle cameras show, instead of a drawn film")
    parser.add_argument("--busy-film", type=Path, metavar="FILE", help="what the busy ones show")
    parser.add_argument("--film-seconds", type=float, metavar="S", help="play only the first S seconds of the films")
    parser.add_argument(
        "--plates", choices=["none", "busy", "all"], default="busy", help="which cameras have a plate reader"
    )
    parser.add_argument("--alone", action="store_true", help="leave out the baseline")


@dataclass(frozen=True)
class Watching:
    """What is watched, and for how long."""

    farm: str
    seconds: float
    warm_up_seconds: float
    plates: str = "none"

    def by(self, way: str, idle: int, busy: int = 0, *, receive_only: bool = False) -> dict[str, Any]:
        """Watch in a process of its own; `way` is `vigie` or `ffmpeg`."""
        command = [sys.executable, "-m", "tests.benchmarks._watched", self.farm, "--by", way]
        command += ["--idle", str(idle), "--busy", str(busy), "--seconds", str(self.seconds)]
        command += ["--warm-up", str(self.warm_up_seconds), "--plates", self.plates]
        command += ["--receive-only"] if receive_only else []
        done = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True)
        found: dict[str, Any] = json.loads(done.stdout)
        return found


def run(arguments: argparse.Namespace) -> Iterator[Measurement]:
    counts = [int(name) for name in arguments.names if name.isdigit()]
    idle = counts[0] if counts else 4 if arguments.quick else IDLE_CAMERAS
    seconds = 3.0 if arguments.quick else arguments.minutes * 60
    with tempfile.TemporaryDirectory() as folder:
        films = [arguments.film or draw(Path(folder), arguments, moving=False)]
        if arguments.busy:
            films.append(arguments.busy_film or draw(Path(folder), arguments, moving=True))
        with farm_process(films, arguments.film_seconds) as farm:
            watching = Watching(farm, seconds, 2.0 if arguments.quick else 15.0, arguments.plates)
            yield from _received(watching, min(idle, 16), arguments)
            yield from _watched(watching, idle, arguments)


def _received(watching: Watching, count: int, arguments: argparse.Namespace) -> Iterator[Measurement]:
    """Nothing but receiving: what our own client is for."""
    few = Watching(watching.farm, min(watching.seconds, 30.0), min(watching.warm_up_seconds, 5.0))
    ours = few.by("vigie", count, receive_only=True)
    theirs = None if arguments.alone else few.by("ffmpeg", count, receive_only=True)
    yield _cost(f"receive {count}", ours, theirs)
    yield _memory(f"receive {count}", ours, theirs, count)


def _watched(watching: Watching, idle: int, arguments: argparse.Namespace) -> Iterator[Measurement]:
    busy, case = arguments.busy, f"{idle} idle" + (f" + {arguments.busy} busy" if arguments.busy else "")
    ours = watching.by("vigie", idle, busy)
    theirs = None if arguments.alone or busy else watching.by("ffmpeg", idle)
    yield _cost(case, ours, theirs)
    per_core = 1000 / ours["cpu_ms_per_camera_second"]
    yield Measurement(case=case, metric="cameras_per_core", value=per_core, unit="")
    yield _memory(case, ours, theirs, idle + busy)
    yield Measurement(case=case, metric="rss_first_minute_mb", value=ours["rss_bytes"][0] / MEGABYTE, unit="MB")
    yield Measurement(case=case, metric="rss_end_mb", value=ours["rss_bytes"][-1] / MEGABYTE, unit="MB")
    yield Measurement(case=case, metric="late_ms_max", value=ours["late_ms_max"], unit="ms")
    for metric in ("dropped_packets", "lost_packets", "losses", "motions", "clips"):
        yield Measurement(case=case, metric=metric, value=ours[metric], unit="")
    yield from _in_motion(case, ours["moving_shares"], idle, arguments)


def _in_motion(case: str, shares: list[float], idle: int, arguments: argparse.Namespace) -> Iterator[Measurement]:
    """Whether what should be busy was, and what should be idle was not; an open motion counts to the end."""
    if shares[:idle]:
        mean = sum(shares[:idle]) / idle
        yield Measurement(case=case, metric="idle_in_motion_ratio", value=mean, unit="of time")
    if busy := shares[idle:]:
        truth = None if arguments.busy_film else 1 - BUSY_QUIET_SECONDS / BUSY_SECONDS
        in_motion = sum(share >= 0.5 for share in busy)
        yield Measurement(case=case, metric="busy_cameras_in_motion", value=in_motion, unit=f"of {len(busy)}")
        mean = sum(busy) / len(busy)
        yield Measurement(case=case, metric="busy_in_motion_ratio", value=mean, unit="of time", baseline=truth)


def _cost(case: str, ours: dict[str, Any], theirs: dict[str, Any] | None) -> Measurement:
    metric = "cpu_ms_per_camera_second"
    return Measurement(
        case=case, metric=metric, value=ours[metric], unit="ms", baseline=theirs[metric] if theirs else None
    )


def _memory(case: str, ours: dict[str, Any], theirs: dict[str, Any] | None, count: int) -> Measurement:
    baseline = theirs["rss_bytes"][-1] / MEGABYTE / count if theirs else None
    value = ours["rss_bytes"][-1] / MEGABYTE / count
    return Measurement(case=case, metric="rss_mb_per_camera", value=value, unit="MB", baseline=baseline)


def draw(folder: Path, arguments: argparse.Namespace, *, moving: bool) -> Path:
    """A street with sensor noise at 1080p25 and a constant bit rate; in the busy one someone walks to and fro."""
    width_px, height_px = (640, 360) if arguments.quick else (1920, 1080)
    still = street(width_px=width_px - width_px % 16, height_px=height_px - height_px % 16)

    def picture(at_seconds: float) -> Any:
        walked_seconds = at_seconds - BUSY_QUIET_SECONDS
        way = abs(2 * (walked_seconds / BUSY_PERIOD_SECONDS % 1) - 1)
        scene = with_figure(still, 0.1 + 0.7 * way, 0.3) if moving and walked_seconds >= 0 else still
        return noisy(scene, 2.0, round(at_seconds * 1000))

    seconds = BUSY_SECONDS if moving else 4.0 if arguments.quick else 8.0
    path = folder / ("moving.mp4" if moving else "still.mp4")
    return make_film(path, picture, seconds=seconds, gop_seconds=GOP_SECONDS, frames_per_second=25, kbps=arguments.kbps)
