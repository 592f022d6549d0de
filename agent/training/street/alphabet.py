"""What the reader can say: one class per drawn token, a whole word where a plate shows one."""

DIGITS = "0123456789"
LATIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CIVIL_LETTERS = "أبدهوطيجش"
WORDS = ("المغرب", "قس", "قمم")

TOKENS = (*DIGITS, "-", *LATIN, *CIVIL_LETTERS, *WORDS)
"""Classes in order; the blank of CTC is one more, the last."""

LABEL_LENGTH = 10


def class_numbers(tokens: tuple[str, ...]) -> list[int]:
    """The classes of `tokens`, filled up with -1 to `LABEL_LENGTH`."""
    numbers = [TOKENS.index(token) for token in tokens]
    return numbers + [-1] * (LABEL_LENGTH - len(numbers))
