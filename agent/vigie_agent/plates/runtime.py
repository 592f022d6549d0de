"""The plate networks, run by TFLite. Only files on the list beside them are loaded, and only unaltered.

Each network is kept twice: with int8 weights, fast in `ai_edge_litert`, and in floats, fast in `tflite_runtime`.
Unless somebody says which, both are timed once, at loading, and floats are taken only where they are clearly faster:
both say nearly the same, and what is read should not hang on a machine's mood.

A network is loaded once in a process, and all cameras share its interpreters: as many as run at the same time.
"""

import hashlib
import os
import threading
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from vigie_shared.errors import ModelError
from vigie_shared.i18n import gettext as _

MODELS = Path(str(files("vigie_agent.plates"))) / "models"
_LIST: Final = "models.toml"
_TIMED_RUNS: Final = 5
_CLEARLY: Final = 1.5
"""So many times faster than the file before it on the list, another one is taken."""
RUNNERS_MOST: Final = max(1, min(4, (os.cpu_count() or 1) - 1))
"""Interpreters of one network; a core stays free of them."""

Floats = NDArray[np.float32]
Weights = Literal["auto", "int8", "float"]
"""Which file of each network is run; `auto`: the first on the list, unless another is clearly faster here."""
_MARKS: Final = {"int8": "_int8.", "float": "_fp32."}


@dataclass(frozen=True)
class ModelEntry:
    """One network on the list: the digest of each of its files, what its classes say, what its figures are worth."""

    name: str
    digests: dict[str, str]
    alphabet: tuple[str, ...] = ()
    release: str = ""
    calibration: Mapping[str, Sequence[float]] = field(default_factory=dict)


class Network:
    """A loaded network. Any thread may run it; where more of them do than there are interpreters, they take turns."""

    def __init__(self, entry: ModelEntry, file: str, content: bytes) -> None:
        self.entry, self.file = entry, file
        self._content = content
        self._idle: list[_Runner] = []
        self._turns = threading.BoundedSemaphore(RUNNERS_MOST)

    def run(self, picture: NDArray[np.uint8]) -> Floats:
        """The network's output for one grey picture, batch axis left out."""
        with self._turns:
            runner = self._taken()
            try:
                return runner.run(picture)
            finally:
                self._idle.append(runner)

    @property
    def interpreters(self) -> int:
        """How many there are while nobody runs it."""
        return len(self._idle)

    @property
    def told(self) -> str:
        """Which release and which file, for people: "street-1 reader_int8.tflite"."""
        return f"{self.entry.release} {self.file}".strip()

    @property
    def input_shape(self) -> tuple[int, int]:
        """Height and width of the pictures it takes."""
        with self._turns:
            runner = self._taken()
            self._idle.append(runner)
        _, height, width, _ = runner.shape
        return height, width

    def _taken(self) -> "_Runner":
        try:
            return self._idle.pop()
        except IndexError:
            return _Runner(self._content, self.file)


def load_network(name: str, folder: Path = MODELS, weights: Weights = "auto") -> Network:
    """The network `name` of the list in `folder`, the same one each time that it is asked for."""
    entry = _listed(folder, name)
    with _loading:
        asked = (folder.resolve(), name, weights)
        network = _loaded.get(asked)
        if network is None or network.entry != entry:
            network = _loaded[asked] = faster(candidates(entry, folder, weights))
        return network


_loading = threading.Lock()
_loaded: dict[tuple[Path, str, Weights], Network] = {}


def candidates(entry: ModelEntry, folder: Path, weights: Weights = "auto") -> list[Network]:
    """A network for each file that may be run, all of them unaltered."""
    mark = _MARKS.get(weights, "")
    chosen = {file: digest for file, digest in entry.digests.items() if mark in file}
    if not chosen:
        message = _("The list {path} has no {weights} file of the model “{name}”: install the agent again.")
        raise ModelError(message.format(path=folder / _LIST, weights=weights, name=entry.name))
    return [Network(entry, file, _verified(folder / file, digest)) for file, digest in chosen.items()]


def faster(networks: Sequence[Network], clock: Callable[[], float] = time.thread_time) -> Network:
    """The first of them, unless another is clearly faster on this machine."""
    first, *others = networks
    if not others:
        return first
    seconds = {network.file: _seconds_of(network, clock) for network in networks}
    best = min(others, key=lambda network: seconds[network.file])
    return best if _CLEARLY * seconds[best.file] < seconds[first.file] else first


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
    """One interpreter, used by one thread at a time."""

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
        scaled = np.multiply(picture, np.float32(1 / 255), dtype=np.float32)
        self._interpreter.set_tensor(self._input["index"], scaled.reshape(self.shape))
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
