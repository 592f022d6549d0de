"""A whole agent, killed while it records: what its store named durable is there afterwards, but for the open GOP."""

import json
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

from tests.agent.store.samples import open_store
from tests.agent.test_app import lines_that_say, running_agent, write_settings
from tests.media.films import make_film, walk
from vigie_agent.store import Reader
from vigie_agent.store.check import broken
from vigie_agent.store.scrub import Level, Scrub
from vigie_shared.errors import StoreError

CAMERA = '[[cameras]]\ncamera_id = "gate"\nsource = {source}\nloop = true\n[plates]\nenabled = false\n'
Named = dict[str, int]


def test_a_killed_agent_loses_the_open_gop_alone(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4", walk(3, 60), seconds=20)
    settings = write_settings(tmp_path, CAMERA.format(source=json.dumps(str(film))))
    for _ in range(2):
        named = kill_while_it_records(settings, tmp_path / "data", at_segments=random.randint(3, 5))
        look(tmp_path / "data", named)


def kill_while_it_records(settings: Path, folder: Path, at_segments: int) -> Named:
    """Segments of each clip that the ledger named just before the end, at least one clip with so many."""
    with running_agent(settings) as process:
        lines_that_say(process, '"ready"')
        named: Named = {}
        until = time.monotonic() + 60
        while max(recording(folder).values(), default=0) < at_segments:
            assert process.poll() is None
            assert time.monotonic() < until, "it never recorded"
        named = segments(folder)
        process.send_signal(signal.SIGKILL)
        process.wait()
    return named


def recording(folder: Path) -> Named:
    """The clips that are not finished."""
    return _ask(folder, "clips.sha256 IS NULL")


def segments(folder: Path) -> Named:
    """All clips that are named."""
    return _ask(folder, "removed_at IS NULL")


def _ask(folder: Path, where: str) -> Named:
    query = f"SELECT clip_id, count(*) FROM segments JOIN clips USING (clip_id) WHERE {where} GROUP BY clip_id"
    with suppress(StoreError):
        reader = Reader(folder)
        try:
            return dict(reader.ask(lambda ledger: ledger.execute(query).fetchall()))
        finally:
            reader.close()
    return {}


def look(folder: Path, named: Named) -> None:
    assert named
    store = open_store(folder)
    assert store._reader.ask(broken) == []
    for clip_id, count in named.items():
        assert store.manifest(clip_id) is not None, "a clip that was being recorded is gone"
        assert len(store._reader.segments(clip_id)) >= count
    store.close()
    reader = Reader(folder)
    assert list(Scrub(reader, folder).run(Level.DIGEST)) == []
    reader.close()
