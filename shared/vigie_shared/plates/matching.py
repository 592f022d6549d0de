"""Whether a read is the plate that is wanted. Nothing is widened in silence: what is not equal names its rule."""

from dataclasses import dataclass

from vigie_shared.plates.confusions import CONFUSIONS
from vigie_shared.plates.plate import Plate


@dataclass(frozen=True)
class Match:
    """`exact`, or a candidate for a person to look at, with the name of the one `rule` that makes it one."""

    rule: str | None = None

    @property
    def exact(self) -> bool:
        """Whether the texts are equal."""
        return self.rule is None


def matches(read: Plate, wanted: Plate) -> Match | None:
    """How `read` matches: exactly, by the first confusion that explains every difference, or not at all (None)."""
    if read.text == wanted.text:
        return Match()
    return next((Match(one.name) for one in CONFUSIONS if one.explains(read, wanted)), None)
