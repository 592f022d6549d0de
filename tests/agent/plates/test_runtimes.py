"""Both TFLite runtimes say the same, with both files of both models (Python 3.11 only: tflite-runtime has no other)."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.agent.plates.conftest import Frame
from tests.agent.plates.run_models import outputs
from tests.test_install import REPOSITORY, run, uv
from vigie_agent.plates.decoding import decode_lines, softmax
from vigie_agent.plates.detector import decode as detections
from vigie_agent.plates.rectify import rectify
from vigie_agent.plates.runtime import MODELS, load_network
from vigie_agent.synthetic.plates import draw_plate, random_plate

FLOAT_TOLERANCE = 1e-3
"""Of outputs that reach about ±30: the runtimes add in different orders."""
STEPS_APART_MAX = 2.0
"""Of 255 that the range of an int8 file's output has: its layers inside are rounded to as many."""

Pictures = dict[str, np.ndarray[Any, Any]]


@pytest.fixture(scope="module")
def pictures(frames: list[Frame]) -> Pictures:
    """What each network is shown: drawn plates, blurred ones and noise; frames of a film and noise."""
    rng = np.random.default_rng(7)
    height, width = load_network("reader").input_shape
    crops = []
    for _number in range(12):
        drawn = draw_plate(random_plate(rng)).resize((width, height))
        noisy = np.asarray(drawn, dtype=np.float32) + rng.normal(0, 20, (height, width))
        crops.append(noisy.clip(0, 255).astype(np.uint8))
    crops += [rng.integers(0, 256, (height, width), dtype=np.uint8), np.full((height, width), 128, np.uint8)]
    tall, wide = load_network("detector").input_shape
    views = [rectify(luma, _edges(luma), wide, tall) for _at, luma in frames[:: max(1, len(frames) // 6)]]
    views.append(rng.integers(0, 256, (tall, wide), dtype=np.uint8))
    size = load_network("aligner").input_shape
    windows = [rectify(luma, _edges(luma), *size[::-1]) for luma in crops]
    return {"reader": np.stack(crops), "aligner": np.stack(windows), "detector": np.stack(views)}


@pytest.fixture(scope="module")
def other_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with tflite-runtime and the agent's locked libraries."""
    if sys.version_info[:2] != (3, 11):
        pytest.skip("tflite-runtime exists for Python 3.11 only")
    environment = tmp_path_factory.mktemp("tflite") / "venv"
    where = {"UV_PROJECT_ENVIRONMENT": str(environment), "UV_PYTHON_DOWNLOADS": "never", "UV_PYTHON": sys.executable}
    command = ("sync", "--frozen", "--no-default-groups", "--group", "tflite", "--no-install-workspace")
    done = run(uv(), *command, "--offline", cwd=REPOSITORY, **where)
    if done.returncode:
        done = run(uv(), *command, cwd=REPOSITORY, **where)
    if done.returncode:
        pytest.skip("tflite-runtime is neither cached nor to be had: uv sync --no-default-groups --group tflite")
    return environment / "bin" / "python"


@pytest.fixture(scope="module")
def said(other_python: Path, pictures: Pictures, tmp_path_factory: pytest.TempPathFactory) -> tuple[Pictures, Pictures]:
    """Outputs by file: of ai-edge-litert, and of tflite-runtime."""
    folder = tmp_path_factory.mktemp("outputs")
    np.savez(folder / "pictures.npz", **pictures)  # type: ignore[arg-type]
    script = Path(__file__).with_name("run_models.py")
    where = f"{REPOSITORY / 'agent'}:{REPOSITORY / 'shared'}"
    command = [other_python, script, MODELS, folder / "pictures.npz", folder / "said.npz"]
    subprocess.run(command, env={"PYTHONPATH": where}, check=True, capture_output=True)
    with np.load(folder / "said.npz") as archive:
        return outputs(MODELS, pictures), dict(archive)


def files(name: str) -> list[str]:
    return [f"{name}_{precision}.tflite" for precision in ("fp32", "int8")]


def test_the_other_runtime_is_the_other_one(other_python: Path) -> None:
    script = (
        "import tflite_runtime, sys; import importlib.util as u; sys.exit(u.find_spec('ai_edge_litert') is not None)"
    )
    assert subprocess.run([other_python, "-c", script], check=False).returncode == 0


def test_every_file_runs_in_both(said: tuple[Pictures, Pictures]) -> None:
    assert sorted(said[0]) == sorted(said[1]) == sorted([*files("reader"), *files("aligner"), *files("detector")])


@pytest.mark.parametrize("name", ["reader", "aligner", "detector"])
def test_outputs_are_equal_within_what_arithmetic_allows(said: tuple[Pictures, Pictures], name: str) -> None:
    floats, integers = files(name)
    np.testing.assert_allclose(said[0][floats], said[1][floats], rtol=FLOAT_TOLERANCE, atol=FLOAT_TOLERANCE)
    step = float(np.ptp(said[0][integers])) / 255
    apart = np.abs(said[0][integers] - said[1][integers]).max() / step
    assert apart <= STEPS_APART_MAX + 0.01, f"{apart:.2f} steps of {step:.4f}"


@pytest.mark.parametrize("file", files("reader"))
def test_texts_are_equal(said: tuple[Pictures, Pictures], file: str) -> None:
    tokens = tuple(load_network("reader").entry.alphabet)
    for one, other in zip(said[0][file], said[1][file], strict=True):
        first, second = (decode_lines([softmax(steps)], tokens) for steps in (one, other))
        assert (first and first.text) == (second and second.text)


def test_some_of_the_texts_are_plates(said: tuple[Pictures, Pictures]) -> None:
    tokens = tuple(load_network("reader").entry.alphabet)
    assert sum(decode_lines([softmax(steps)], tokens) is not None for steps in said[1]["reader_fp32.tflite"]) >= 6


@pytest.mark.parametrize("file", files("detector"))
def test_detections_are_equal(said: tuple[Pictures, Pictures], file: str) -> None:
    for one, other in zip(said[0][file], said[1][file], strict=True):
        first, second = detections(one, 0.5), detections(other, 0.5)
        assert len(first) == len(second)
        for found, again in zip(first, second, strict=True):
            np.testing.assert_allclose(found.corners, again.corners, atol=1.0)


def _edges(luma: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    height, width = luma.shape
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
