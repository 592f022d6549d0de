"""Numbers as people read them, in one language; digits stay those of the plates."""

from collections.abc import Callable
from dataclasses import dataclass

from vigie_hub.api.language import marked

_UNITS = (
    marked("{amount} B"),
    marked("{amount} kB"),
    marked("{amount} MB"),
    marked("{amount} GB"),
    marked("{amount} TB"),
)
_SPANS = (
    (86_400, marked("{count} d")),
    (3600, marked("{count} h")),
    (60, marked("{count} min")),
    (1, marked("{count} s")),
)
_THOUSAND = 1000
_WHOLE_FROM = 100


@dataclass(frozen=True)
class Formats:
    """Jinja filters; `translate` is the language's gettext."""

    language: str
    translate: Callable[[str], str]

    def bytes(self, count: int) -> str:
        """`2.4 MB`, `2,4 Mo`."""
        amount, unit = float(count), 0
        while amount >= _THOUSAND and unit < len(_UNITS) - 1:
            amount, unit = amount / _THOUSAND, unit + 1
        digits = 0 if unit == 0 or amount >= _WHOLE_FROM else 1
        return self.translate(_UNITS[unit]).format(amount=self.decimal(amount, digits))

    def share(self, ratio: float) -> str:
        """`97%`, `97 %`."""
        return self.translate(marked("{percent}%")).format(percent=int(ratio * 100))

    def seconds(self, seconds: float) -> str:
        """`1.8 s`."""
        return self.translate(marked("{seconds} s")).format(seconds=self.decimal(seconds, 1))

    def span(self, seconds: float) -> str:
        """`40 s`, `12 min`, `3 h`, `5 d`: a time in the largest unit that it fills."""
        size, unit = next((size, unit) for size, unit in _SPANS if seconds >= size or size == 1)
        return self.translate(unit).format(count=int(seconds / size))

    def moment(self, seconds: float) -> str:
        """`1:05`: how far into a film."""
        return f"{int(seconds // 60)}:{int(seconds % 60):02}"

    def decimal(self, amount: float, digits: int) -> str:
        """A decimal point in English, a comma in French and Arabic (ar-MA)."""
        text = f"{amount:.{digits}f}"
        return text if self.language == "en" else text.replace(".", ",")
