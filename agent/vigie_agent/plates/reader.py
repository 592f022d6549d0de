"""What a straightened plate says: a network's steps, and the grammar's beam over them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vigie_agent.plates.rectify import Corners, Luma, rectify
from vigie_agent.plates.runtime import MODELS, load_network
from vigie_shared.plates import Plate, could_begin, parse

_BEAM_WIDTH = 8
_CLASS_FLOOR = 3e-3
_HOPELESS = 1e-5
_ALTERNATIVES = 3


@dataclass(frozen=True)
class Reading:
    """A plate read once. `confidence` is the probability of the text, `char_confidences` of each drawn character."""

    plate: Plate
    confidence: float
    char_confidences: tuple[float, ...]
    alternatives: tuple[tuple[str, float], ...]

    @property
    def text(self) -> str:
        """The plate's canonical text."""
        return self.plate.text


class Reader:
    """Reads plates that a detector has found."""

    def __init__(self, folder: Path = MODELS) -> None:
        self._network = load_network("reader", folder)
        self._alphabet = self._network.entry.alphabet
        self._height_px, self._width_px = self._network.input_shape

    def read(self, luma: Luma, corners: Corners) -> Reading | None:
        """The plate within `corners` of a grey picture, or None when what is there spells no plate."""
        return self.read_crop(rectify(luma, corners, self._width_px, self._height_px))

    def read_crop(self, crop: Luma) -> Reading | None:
        """The plate on a crop that `rectify` made."""
        return decode(softmax(self._network.run(crop)), self._alphabet)


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities along the last axis."""
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: NDArray[np.float32] = raised / raised.sum(axis=-1, keepdims=True)
    return result


@dataclass
class _Prefix:
    """A beginning of the text: its probability ending in a blank and in its last character."""

    blank: float = 0.0
    char: float = 0.0
    chars: tuple[float, ...] = ()

    @property
    def total(self) -> float:
        return self.blank + self.char


def decode(steps: NDArray[np.float32], alphabet: str) -> Reading | None:
    """Prefix beam search over CTC steps (class probabilities, the blank last) that never leaves the grammar."""
    beam: dict[str, _Prefix] = {"": _Prefix(blank=1.0)}
    blanks: list[float] = steps[:, -1].tolist()
    likely: list[list[tuple[str, float]]] = [[] for _ in blanks]
    for number, index in np.argwhere(steps[:, :-1] > _CLASS_FLOOR).tolist():
        likely[number].append((alphabet[index], float(steps[number, index])))
    for blank, chances in zip(blanks, likely, strict=True):
        if chances:
            beam = _pruned(_advanced(beam, blank, chances))
            continue
        for prefix in beam.values():
            prefix.blank, prefix.char = prefix.total * blank, 0.0
    plates = [(plate, prefix) for text, prefix in beam.items() if (plate := parse(text))]
    if not plates:
        return None
    plates.sort(key=lambda one: -one[1].total)
    plate, best = plates[0]
    others = tuple((other.text, prefix.total) for other, prefix in plates[1 : 1 + _ALTERNATIVES])
    return Reading(plate, min(1.0, best.total), best.chars, others)


def _advanced(beam: Mapping[str, _Prefix], blank: float, likely: list[tuple[str, float]]) -> dict[str, _Prefix]:
    grown: dict[str, _Prefix] = {}
    for text, prefix in beam.items():
        kept = grown.setdefault(text, _Prefix(chars=prefix.chars))
        kept.blank += prefix.total * blank
        kept.chars = kept.chars or prefix.chars
        for char, chance in likely:
            again = text[-1:] == char
            if again:
                kept.char += prefix.char * chance
                kept.chars = (*kept.chars[:-1], max(kept.chars[-1], chance))
            came_from = prefix.blank if again else prefix.total
            longer = text + char
            if came_from > 0.0 and _could_begin(longer):
                new = grown.setdefault(longer, _Prefix(chars=(*prefix.chars, chance)))
                new.char += came_from * chance
    return grown


def _pruned(beam: dict[str, _Prefix]) -> dict[str, _Prefix]:
    floor = _HOPELESS * max((prefix.total for prefix in beam.values()), default=0.0)
    hopeful = [one for one in beam.items() if one[1].total > floor]
    return dict(sorted(hopeful, key=lambda one: -one[1].total)[:_BEAM_WIDTH])


@lru_cache(maxsize=65536)
def _could_begin(glyphs: str) -> bool:
    return could_begin(glyphs)
