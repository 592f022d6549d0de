"""Only listed, unaltered models are loaded, once; the faster of each pair is taken."""

import hashlib
import shutil
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from vigie_agent.plates.pipeline import PlateReader, PlateSettings
from vigie_agent.plates.runtime import MODELS, RUNNERS_MOST, Weights, candidates, faster, load_network
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


@pytest.mark.parametrize(
    ("int8_takes", "float_takes", "taken"),
    [
        (1.0, 5.0, "reader_int8.tflite"),
        (1.2, 1.0, "reader_int8.tflite"),
        (5.0, 1.0, "reader_fp32.tflite"),
    ],
)
def test_floats_are_taken_only_where_they_are_clearly_faster(int8_takes: float, float_takes: float, taken: str) -> None:
    ticks = count()

    def clock() -> float:
        """Each timed run takes two looks at the clock; five runs belong to each file, int8 first."""
        look = next(ticks)
        return look * (int8_takes if look < 10 else float_takes)

    assert faster(candidates(load_network("reader").entry, MODELS), clock).file == taken


@pytest.mark.parametrize(("weights", "file"), [("int8", "aligner_int8.tflite"), ("float", "aligner_fp32.tflite")])
def test_a_setting_pins_the_file(weights: Weights, file: str) -> None:
    assert load_network("aligner", weights=weights).file == file


def test_pinned_file_that_is_not_listed_is_named(models: Path) -> None:
    text = (models / "models.toml").read_text(encoding="utf-8")
    (models / "models.toml").write_text(text.replace("reader_int8.tflite", "reader_odd.tflite"), encoding="utf-8")
    with pytest.raises(ModelError, match="no int8 file of the model “reader”"):
        load_network("reader", models, "int8")


def test_a_network_is_loaded_once_for_all_cameras() -> None:
    one, other = PlateReader(), PlateReader(PlateSettings(kinds=("european",)))
    assert one.models == other.models
    assert load_network("reader") is load_network("reader")
    assert load_network("reader") is not load_network("reader", weights="float")


def test_a_list_written_anew_is_read_anew(models: Path) -> None:
    before = load_network("reader", models)
    text = (models / "models.toml").read_text(encoding="utf-8")
    (models / "models.toml").write_text(text.replace("text = [", "text = [1", 1), encoding="utf-8")
    assert load_network("reader", models) is not before


def test_more_threads_than_interpreters_take_turns() -> None:
    (network,) = candidates(load_network("aligner").entry, MODELS, "int8")
    rng = np.random.default_rng(1)
    pictures = [rng.integers(0, 255, network.input_shape, dtype=np.uint8) for _ in range(3 * RUNNERS_MOST)]
    wanted = [network.run(picture) for picture in pictures]
    with ThreadPoolExecutor(len(pictures)) as pool:
        for _again in range(5):
            assert all(map(np.array_equal, pool.map(network.run, pictures), wanted))
    assert 1 <= network.interpreters <= RUNNERS_MOST
