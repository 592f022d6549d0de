"""The plate networks, run by TFLite. Only files on the list beside them are loaded, and only unaltered.

Each network is kept twice: with int8 weights, fast in `ai_edge_litert`, and in floats, fast in `tflite_runtime`.
Which of them is faster here is measured once, at loading.
"""

import hashlib
import threading
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vigie_shared.errors import ModelError
from vigie_shared.i18n import gettext as _

MODELS = Path(str(files("vigie_agent.plates"))) / "models"
_LIST = "models.toml"
_TIMED_RUNS = 5

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class ModelEntry:
    """One network on the list: the digest of each of its files, what its classes say, what its figures are worth."""

    name: str
    digests: dict[str, str]
    alphabet: tuple[str, ...] = ()
    release: str = ""
    calibration: Mapping[str, Sequence[float]] = field(default_factory=dict)


class Network:
    """A loaded network. Any thread may run it: each gets an interpreter of its own."""

    def __init__(self, entry: ModelEntry, file: str, content: bytes) -> None:
        self.entry, self.file = entry, file
        self._content = content
        self._local = threading.local()

    def run(self, picture: NDArray[np.uint8]) -> Floats:
        """The network's output for one grey picture, batch axis left out."""
        runner: _Runner | None = getattr(self._local, "runner", None)
        if runner is None:
            runner = self._local.runner = _Runner(self._content, self.file)
        return runner.run(picture)

    @property
    def input_shape(self) -> tuple[int, int]:
        """Height and width of the pictures it takes."""
        _, height, width, _ = _Runner(self._content, self.file).shape
        return height, width


def load_network(name: str, folder: Path = MODELS, clock: Callable[[], float] = time.thread_time) -> Network:
    """The network `name` of the list in `folder`, in whichever of its files runs faster on this machine."""
    entry = _listed(folder, name)
    networks = [Network(entry, file, _verified(folder / file, digest)) for file, digest in entry.digests.items()]
    return min(networks, key=lambda network: _seconds_of(network, clock))


def _listed(folder: Path, name: str) -> ModelEntry:
    path = folder / _LIST
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))[name]
        digests = {str(file): str(digest) for file, digest in table["files"].items()}
        alphabet = tuple(str(token) for token in table.get("alphabet", ()))
        return ModelEntry(name, digests, alphabet, str(table.get("release", "")), table.get("calibration", {}))
    except OSError as error:
        raise ModelError(
            _("Cannot read the list of models {path}: install the agent again.").format(path=path)
        ) from error
    except (tomllib.TOMLDecodeError, KeyError, AttributeError) as error:
        message = _("The model “{name}” is not on the list {path}: it is refused. Install the agent again.")
        raise ModelError(message.format(name=name, path=path)) from error


def _verified(path: Path, digest: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(_("The model file {path} is missing: install the agent again.").format(path=path)) from error
    if hashlib.sha256(content).hexdigest() != digest:
        message = _("The model file {path} is not the one on the list: it is refused. Install the agent again.")
        raise ModelError(message.format(path=path))
    return content


def _seconds_of(network: Network, clock: Callable[[], float]) -> float:
    picture = np.zeros(network.input_shape, dtype=np.uint8)
    network.run(picture)
    return min(_timed(lambda: network.run(picture), clock) for _run in range(_TIMED_RUNS))


def _timed(call: Callable[[], object], clock: Callable[[], float]) -> float:
    start = clock()
    call()
    return clock() - start


class _Runner:
    """One interpreter, used by one thread."""

    def __init__(self, content: bytes, file: str) -> None:
        try:
            self._interpreter = _interpreter_class()(model_content=content, num_threads=1)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            message = _("The model file {file} cannot be run here: install the agent again.")
            raise ModelError(message.format(file=file)) from error
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]["index"]
        self.shape: tuple[int, int, int, int] = tuple(int(edge) for edge in self._input["shape"])  # type: ignore[assignment]

    def run(self, picture: NDArray[np.uint8]) -> Floats:
        scaled = picture.astype(np.float32).reshape(self.shape) * np.float32(1 / 255)
        self._interpreter.set_tensor(self._input["index"], scaled)
        self._interpreter.invoke()
        output: Floats = self._interpreter.get_tensor(self._output)[0]
        return output


def _interpreter_class() -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-untyped]
    except ImportError:
        try:
            from tflite_runtime.interpreter import Interpreter  # type: ignore[import-not-found]
        except ImportError as error:
            message = _("No TFLite runtime is installed: install vigie-agent[litert] or vigie-agent[tflite].")
            raise ModelError(message) from error
    return Interpreter
