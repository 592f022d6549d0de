"""Honest confidence: what a reader's own figures are worth, as fitted on drawn plates that it was not taught with."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

_ODDS_MOST: Final = 6.0
"""Beyond odds of e to this, nobody has counted."""
LIKELY: Final = 0.3
"""A text that the network's steps spell with this probability may well be a plate; less speaks against it."""


@dataclass(frozen=True)
class Calibration:
    """Weights of the logistic curves that turn figures to probabilities; as it is, they are taken for what they say."""

    text: tuple[float, float, float] = (0.0, 1.0, 2.0)
    """Of one, of the text's share among all plates that may be there, and of how unlikely any of them is."""
    foreign: tuple[float, float, float] = (0.0, 1.0, 2.0)
    """The same for foreign plates: their grammar takes nearly anything, so that a share says less."""
    chars: tuple[float, float] = (0.0, 1.0)
    """Of one, and of the character's share."""

    @classmethod
    def from_table(cls, table: Mapping[str, Sequence[Any]]) -> Self:
        """Of `[reader.calibration]` in the list of models."""
        text, foreign, chars = (tuple(float(weight) for weight in table[name]) for name in ("text", "foreign", "chars"))
        return cls((text[0], text[1], text[2]), (foreign[0], foreign[1], foreign[2]), (chars[0], chars[1]))

    def confidence(self, share: float, likelihood: float, *, is_foreign: bool = False) -> float:
        """The probability that a text is right."""
        weights, values = self.foreign if is_foreign else self.text, features(share, likelihood)
        return _likely(sum(weight * value for weight, value in zip(weights, values, strict=True)))

    def char_confidence(self, share: float) -> float:
        """The probability that a character is right."""
        bias, weight = self.chars
        return _likely(bias + weight * log_odds(share))


AS_READ: Final = Calibration()


def features(share: float, likelihood: float) -> tuple[float, float, float]:
    """What the curve of a text weighs."""
    return 1.0, log_odds(share), min(0.0, math.log(max(likelihood, 1e-12) / LIKELY))


def log_odds(share: float) -> float:
    """Of a probability; bounded."""
    return max(-_ODDS_MOST, min(_ODDS_MOST, math.log(max(share, 1e-12) / max(1.0 - share, 1e-12))))


def _likely(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, log_odds))))
