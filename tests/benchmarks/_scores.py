"""What was read beside what is true, and the figures that follow."""

import csv
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vigie_shared.bench import Measurement
from vigie_shared.plates import ALL_KINDS, matches, parse

_WIDTHS_PX = (0, 60, 80, 120, 240, 480, 1_000_000)
_BINS = 10
_SURE_SHARE = 0.8
_FOLDED = str.maketrans({"O": "0", "I": "1", "|": None, "-": None})


@dataclass(frozen=True)
class Outcome:
    """One plate of one picture. `texts` are the reads, likeliest first; `detected` is None where nothing was sought."""

    file: str
    truth: str
    kind: str
    lines: int
    width_px: float
    texts: tuple[str, ...]
    confidence: float
    detected: bool | None

    @property
    def is_exact(self) -> bool:
        """Whether the first read is the plate."""
        return self.is_among(1)

    @property
    def is_exact_folded(self) -> bool:
        """The same with O = 0, I = 1, and no separators."""
        return bool(self.texts) and folded(self.texts[0]) == folded(self._as_read(self.texts[0]))

    def is_among(self, count: int) -> bool:
        """Whether the plate is among the first `count` reads."""
        return any(text == self._as_read(text) for text in self.texts[:count])

    @property
    def char_errors(self) -> int:
        """How many characters must be put in, left out or changed to make the truth of what was read."""
        return distance(self.texts[0] if self.texts else "", self._as_read(self.texts[0] if self.texts else ""))

    def _as_read(self, text: str) -> str:
        """The truth, less the country where the read names none: nobody asked the reader for it."""
        registration, _bars, country = self.truth.partition("||")
        return registration if country.isalpha() and "||" not in text else self.truth


def folded(text: str) -> str:
    """`text` without what no eye can tell apart."""
    return text.translate(_FOLDED)


def distance(one: str, other: str) -> int:
    """Levenshtein's."""
    row = list(range(len(other) + 1))
    for index, char in enumerate(one, 1):
        left, row[0] = row[0], index
        for column, wanted in enumerate(other, 1):
            left, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, left + (char != wanted))
    return row[-1]


def figures(case: str, outcomes: Sequence[Outcome]) -> Iterator[Measurement]:
    """All figures of one case."""
    count = len(outcomes)
    yield Measurement(case=case, metric="plates", value=count, unit="count")
    sought = [outcome.detected for outcome in outcomes if outcome.detected is not None]
    if sought:
        yield _ratio(case, "detected_ratio", sum(sought) / len(sought))
    yield _ratio(case, "exact_ratio", sum(one.is_exact for one in outcomes) / count)
    yield _ratio(case, "exact_folded_ratio", sum(one.is_exact_folded for one in outcomes) / count)
    yield _ratio(case, "top5_ratio", sum(one.is_among(5) for one in outcomes) / count)
    chars = sum(len(one.truth) for one in outcomes)
    yield _ratio(case, "char_error_ratio", sum(one.char_errors for one in outcomes) / max(1, chars))
    if reads := [one for one in outcomes if one.texts]:
        yield _ratio(case, "wrong_at_80_ratio", wrong_among_surest(reads))
        yield _ratio(case, "calibration_error_ratio", calibration_error(reads))
        yield _ratio(case, "calibration_error_by_chance_ratio", error_by_chance(reads))


def cases(name: str, outcomes: Sequence[Outcome]) -> Iterator[tuple[str, list[Outcome]]]:
    """The set, then each kind, each number of lines where a kind has several, and each width."""
    yield name, list(outcomes)
    for kind in sorted({one.kind for one in outcomes}):
        of_kind = [one for one in outcomes if one.kind == kind]
        yield f"{name}/{kind}", of_kind
        if len(lines := sorted({one.lines for one in of_kind})) > 1:
            for count in lines:
                yield f"{name}/{kind}/lines-{count}", [one for one in of_kind if one.lines == count]
    for least, beyond in itertools.pairwise(_WIDTHS_PX):
        if of_width := [one for one in outcomes if least <= one.width_px < beyond]:
            yield f"{name}/width-{least}", of_width


def wrong_among_surest(reads: Sequence[Outcome]) -> float:
    """The share of wrong reads among the surest four fifths."""
    surest = sorted(reads, key=lambda one: -one.confidence)[: max(1, round(_SURE_SHARE * len(reads)))]
    return sum(not one.is_exact for one in surest) / len(surest)


def calibration_error(reads: Sequence[Outcome]) -> float:
    """How far confidence and share of exact reads are apart, bin by bin, weighed by what is in each."""
    apart = 0.0
    for number in range(_BINS):
        inside = [one for one in reads if number == min(_BINS - 1, int(one.confidence * _BINS))]
        apart += abs(sum(one.confidence - one.is_exact for one in inside))
    return apart / len(reads)


def error_by_chance(reads: Sequence[Outcome]) -> float:
    """The `calibration_error` that so few reads have on average where every confidence is honest."""
    variances = [0.0] * _BINS
    for one in reads:
        variances[min(_BINS - 1, int(one.confidence * _BINS))] += one.confidence * (1 - one.confidence)
    return sum(math.sqrt(2 / math.pi * variance) for variance in variances) / len(reads)


def write_failures(path: Path, outcomes: Sequence[Outcome]) -> None:
    """A table of the plates that were not read exactly, the surest error first."""
    failed = sorted((one for one in outcomes if not one.is_exact), key=lambda one: -one.confidence)
    with path.open("w", encoding="utf-8", newline="") as opened:
        table = csv.writer(opened)
        table.writerow(["file", "truth", "read", "confidence", "width_px", "cause"])
        for one in failed:
            read = one.texts[0] if one.texts else ""
            table.writerow([one.file, one.truth, read, f"{one.confidence:.3f}", round(one.width_px), cause(one)])


def cause(one: Outcome) -> str:
    """What went wrong, in the terms of the named confusions where one explains it."""
    if not one.texts:
        return "not found" if one.detected is False else "not read"
    read, wanted = parse(one.texts[0], ALL_KINDS), parse(one.truth, ALL_KINDS)
    if read and wanted and (match := matches(read, wanted)) and match.rule:
        return match.rule
    text, truth = one.texts[0].replace("|", ""), one.truth.replace("|", "")
    if distance(text, truth) > 1:
        return "several characters"
    if len(text) != len(truth):
        return "one too many" if len(text) > len(truth) else "one too few"
    return next((f"{char} for {true}" for char, true in zip(text, truth, strict=True) if char != true), "in the fields")


def _ratio(case: str, metric: str, value: float) -> Measurement:
    return Measurement(case=case, metric=metric, value=value, unit="ratio")
