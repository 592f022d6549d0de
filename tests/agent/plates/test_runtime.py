"""Only listed, unaltered models are loaded; the faster of each pair is taken."""

import hashlib
import shutil
import threading
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from vigie_agent.plates.runtime import MODELS, load_network
from vigie_shared.errors import ModelError


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MODELS, tmp_path / "models"))


def relist(models: Path, name: str, content: bytes) -> None:
    """Write a file and put its digest on the list, as an attacker with the list could."""
    old = hashlib.sha256((models / name).read_bytes()).hexdigest()
    (models / name).write_bytes(content)
    text = (models / "models.toml").read_text(encoding="utf-8")
    (models / "models.toml").write_text(text.replace(old, hashlib.sha256(content).hexdigest()), encoding="utf-8")


@pytest.mark.parametrize("name", ["detector", "aligner", "reader"])
def test_shipped_models_load_and_run(name: str) -> None:
    network = load_network(name)
    output = network.run(np.full(network.input_shape, 128, dtype=np.uint8))
    assert output.dtype == np.float32
    assert np.isfinite(output).all()


def test_every_model_file_beside_the_list_is_on_it() -> None:
    listed = (MODELS / "models.toml").read_text(encoding="utf-8")
    assert all(path.name in listed for path in MODELS.glob("*.tflite"))


def test_altered_model_is_refused(models: Path) -> None:
    content = bytearray((models / "reader_int8.tflite").read_bytes())
    content[len(content) // 2] ^= 1
    (models / "reader_int8.tflite").write_bytes(content)
    with pytest.raises(ModelError, match=r"reader_int8\.tflite is not the one on the list"):
        load_network("reader", models)


def test_model_that_is_not_listed_is_refused(models: Path) -> None:
    shutil.copy(models / "reader_int8.tflite", models / "faces_int8.tflite")
    with pytest.raises(ModelError, match="“faces” is not on the list"):
        load_network("faces", models)


def test_missing_model_file_is_named(models: Path) -> None:
    (models / "detector_fp32.tflite").unlink()
    with pytest.raises(ModelError, match=r"detector_fp32\.tflite is missing"):
        load_network("detector", models)


def test_missing_or_broken_list_is_named(models: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"models\.toml"):
        load_network("reader", tmp_path / "nowhere")
    (models / "models.toml").write_text("[reader", encoding="utf-8")
    with pytest.raises(ModelError, match=r"models\.toml"):
        load_network("reader", models)


@pytest.mark.parametrize("content", [b"", b"not a model", bytes(4096)])
def test_listed_file_that_is_no_model_is_an_error_not_a_crash(models: Path, content: bytes) -> None:
    relist(models, "reader_int8.tflite", content)
    with pytest.raises(ModelError, match=r"reader_int8\.tflite cannot be run here"):
        load_network("reader", models)


@pytest.mark.parametrize("slow", ["reader_int8.tflite", "reader_fp32.tflite"])
def test_the_file_that_runs_faster_is_taken(slow: str) -> None:
    files = list((MODELS / "models.toml").read_text(encoding="utf-8").split('"'))
    listed = [name for name in files if name.startswith("reader_")]
    slow_first = listed.index(slow) == 0
    ticks = count()

    def clock() -> float:
        """Each timed run takes two looks at the clock; five runs belong to each file."""
        look = next(ticks)
        of_first = look < 10
        return look * (5.0 if of_first == slow_first else 1.0)

    assert load_network("reader", clock=clock).file != slow


def test_two_threads_may_run_one_network() -> None:
    network = load_network("reader")
    picture = np.random.default_rng(1).integers(0, 255, network.input_shape, dtype=np.uint8)
    outputs: list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]] = []
    threads = [threading.Thread(target=lambda: outputs.append(network.run(picture))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.array_equal(outputs[0], outputs[1])
