"""`vigie agent store`: check, stats, export, hold and release, beside a running agent and without one."""

import json
from pathlib import Path

import av
import pytest

from tests.agent.capture.films import packets_of
from tests.agent.store.samples import clip, damage_segment, filmed, open_store, settle
from tests.media.films import make_film, walk
from vigie_agent.camera import FinishedClip
from vigie_agent.cli import main
from vigie_agent.store import Store
from vigie_shared.errors import StoreError


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "agent.toml"
    path.write_text(f'agent_id = "edge"\ndata_dir = {json.dumps(str(tmp_path / "data"))}\n')
    return path


@pytest.fixture
def film_clip(tmp_path: Path) -> FinishedClip:
    return filmed(*packets_of(make_film(tmp_path / "film.mp4", walk(1, 3), seconds=3)))


def keep(folder: Path, *clips: FinishedClip) -> Store:
    store = open_store(folder)
    for one in clips:
        store.keep_clip(one)
    settle(store)
    return store


def test_a_clip_is_exported_beside_a_running_agent(
    tmp_path: Path, settings: Path, film_clip: FinishedClip, capsys: pytest.CaptureFixture[str]
) -> None:
    store = keep(tmp_path / "data", film_clip)
    output = tmp_path / "out.mp4"
    assert main(["store", "export", film_clip.clip_id, "--settings", str(settings), "-o", str(output), "--json"]) == 0
    store.close()
    done = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (done["clip_id"], done["bytes"], done["damaged"]) == (film_clip.clip_id, output.stat().st_size, [])
    with av.open(str(output)) as container:
        assert len(list(container.decode(video=0))) == done["packets"]


def test_the_clips_are_named_that_can_be_exported(
    tmp_path: Path, settings: Path, film_clip: FinishedClip, capsys: pytest.CaptureFixture[str]
) -> None:
    older = clip()
    keep(tmp_path / "data", older, film_clip).close()
    assert main(["store", "hold", film_clip.clip_id, "--reason", "case 7", "--settings", str(settings)]) == 0
    damage_segment(tmp_path / "data", film_clip.clip_id, 1)
    assert main(["store", "check", "--level", "digest", "--repair", "--settings", str(settings)]) == 3
    capsys.readouterr()
    assert main(["store", "list", "--settings", str(settings)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} == {older.clip_id, film_clip.clip_id}
    (line,) = (line for line in lines if film_clip.clip_id in line)
    assert "gate" in line
    assert "held" in line
    assert "1 damaged segments" in line
    assert main(["store", "list", "--camera", "gate", "-n", "1", "--json", "--settings", str(settings)]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 1
    assert main(["store", "list", "--camera", "yard", "--json", "--settings", str(settings)]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_check_finds_what_is_damaged_and_a_repair_records_it_once(
    tmp_path: Path, settings: Path, film_clip: FinishedClip, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(tmp_path / "data", film_clip, clip()).close()
    check = ["store", "check", "--settings", str(settings), "--json", "--level"]
    assert main([*check, "digest"]) == 0
    damage_segment(tmp_path / "data", film_clip.clip_id, 1)
    assert main([*check, "size"]) == 0
    assert main([*check, "digest"]) == 3
    assert main([*check, "digest", "--repair"]) == 3
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert [len(line["findings"]) for line in lines] == [0, 0, 1, 1]
    assert (lines[3]["segments_marked"], lines[3]["ledger_rebuilt"]) == (1, False)
    store = open_store(tmp_path / "data")
    assert [row.event.kind for row in store.outbox_after("hlt", 0, 9)] == ["gap_recorded"]
    store.close()


def test_a_repair_is_refused_while_an_agent_runs(tmp_path: Path, settings: Path) -> None:
    store = keep(tmp_path / "data", clip())
    with pytest.raises(StoreError, match="in use by process"):
        main(["store", "check", "--repair", "--settings", str(settings)])
    store.close()


def test_a_hold_beside_a_running_agent_keeps_the_clip(
    tmp_path: Path, settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = clip()
    store = keep(tmp_path / "data", one)
    options = [one.clip_id, "--settings", str(settings)]
    assert main(["store", "hold", *options]) == 2, "a legal hold needs its reason"
    assert main(["store", "hold", *options, "--reason", "case 12", "--until", "2999-01-01"]) == 0
    assert [(hold.kind, hold.reason) for hold in store._reader.holds()] == [("legal", "case 12")]
    capsys.readouterr()
    assert main(["store", "stats", "--settings", str(settings), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["held_clips"], found["held_bytes"]) == (1, one.bytes)
    assert {kind["kept_as"]: kind["clips"] for kind in found["classes"]} == {"motion": 1, "plate": 0, "alert": 0}
    assert main(["store", "release", *options]) == 0
    assert store._reader.holds() == []
    store.close()
    with pytest.raises(StoreError, match="no clip"):
        main(["store", "hold", "0" * 22, "--settings", str(settings), "--pin"])


def test_what_people_read_names_what_is_there(
    tmp_path: Path, settings: Path, film_clip: FinishedClip, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(tmp_path / "data", film_clip).close()
    options = ["--settings", str(settings)]
    assert main(["store", "stats", *options]) == main(["store", "check", *options]) == 0
    assert main(["store", "check", "--repair", *options]) == 0
    assert main(["store", "export", film_clip.clip_id, *options, "-o", str(tmp_path / "out.mp4")]) == 0
    told = capsys.readouterr().out
    assert "kept as motion: 1 clips" in told
    assert "sound: 1 clips" in told
    assert "0 open clips finished" in told
    assert "the same as kept" in told
