"""Where makers put a camera's smaller stream, beside the large one."""

import re
from typing import Final

_PLACES: Final = (
    (re.compile(r"(/Streaming/Channels/\d*?)01(?=/|\?|$)", re.IGNORECASE), r"\g<1>02"),  # Hikvision
    (re.compile(r"(\bsubtype=)0\b"), r"\g<1>1"),  # Dahua
    (re.compile(r"(Preview_\d+_)main\b"), r"\g<1>sub"),  # Reolink
    (re.compile(r"(/media/video)1\b"), r"\g<1>2"),  # Uniview
    (re.compile(r"(/stream)1\b"), r"\g<1>2"),  # TP-Link
    (re.compile(r"(/video)Main\b"), r"\g<1>Sub"),  # Foscam
)


def likely_sub_source(source: str) -> str | None:
    """The address that the smaller stream probably has; None where the maker is not known."""
    for pattern, replacement in _PLACES:
        place = pattern.sub(replacement, source, count=1)
        if place != source:
            return place
    return None
