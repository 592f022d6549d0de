"""Honest confidence: what a reader's own figures are worth, as fitted on drawn plates that it was not taught with.

Two questions have to be answered with yes. Is there a plate at all? The likelihood of the text tells, which is what
the network's steps spell by themselves, and what the aligner holds it for. If so, is it this one? The share tells that
it has among all plates found.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

_ODDS_MOST: Final = 6.0
"""Beyond odds of e to this, nobody has counted."""
_LIKELIHOOD_LEAST: Final = 1e-12

Curve = tuple[float, ...]
"""A logistic curve: the weight of one, and of each figure."""


@dataclass(frozen=True)
class Calibration:
    """The curves that turn figures to probabilities; as it is, they are taken for what they say.

    Foreign plates have their own: their grammar takes nearly anything, so that the same figures say less.
    """

    text: Curve = (0.0, 1.0)
    """Over the log odds of the text's share."""
    plate: Curve = (0.0, 1.2, 1.0)
    """Over the log of the text's likelihood, and the log odds of the aligner's chance that it is a plate."""
    foreign_text: Curve = (0.0, 1.0)
    foreign_plate: Curve = (0.0, 1.2, 1.0)
    chars: Curve = (0.0, 1.0)
    """Over the log odds of the character's share."""

    @classmethod
    def from_table(cls, table: Mapping[str, Sequence[Any]]) -> Self:
        """Of `[reader.calibration]` in the list of models."""
        return cls(**{name: tuple(float(weight) for weight in table[name]) for name in CURVES})

    def confidence(
        self, share: float, likelihood: float, *, plate_chance: float = 1.0, is_foreign: bool = False
    ) -> float:
        """The probability that a text is right."""
        text, plate = (self.foreign_text, self.foreign_plate) if is_foreign else (self.text, self.plate)
        return chance(text, log_odds(share)) * chance(plate, log_likelihood(likelihood), log_odds(plate_chance))

    def char_confidence(self, share: float) -> float:
        """The probability that a character is right."""
        return chance(self.chars, log_odds(share))


CURVES: Final = ("text", "plate", "foreign_text", "foreign_plate", "chars")
AS_READ: Final = Calibration()


def chance(curve: Curve, *figures: float) -> float:
    """The probability that the curve has at `figures`."""
    odds = sum(weight * figure for weight, figure in zip(curve, (1.0, *figures), strict=True))
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, odds))))


def log_odds(share: float) -> float:
    """Of a probability; bounded."""
    return max(-_ODDS_MOST, min(_ODDS_MOST, math.log(max(share, 1e-12) / max(1.0 - share, 1e-12))))


def log_likelihood(likelihood: float) -> float:
    """Its logarithm; bounded."""
    return math.log(max(likelihood, _LIKELIHOOD_LEAST))
