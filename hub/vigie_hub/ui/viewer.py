"""What the viewer shows of a clip that is not here whole."""

from collections.abc import Sequence
from typing import Any, Final

from vigie_hub.api.models import Clip, Keyframe
from vigie_hub.api.problems import ProblemError
from vigie_hub.api.routes.pictures import strip_of
from vigie_hub.api.services import Services

STRIP_MAX: Final = 40
"""Keyframes in the strip at most; of more, evenly spaced ones."""
_OVER: Final = ("stopped", "partial", "failed")


async def shown(services: Services, clip: Clip) -> dict[str, Any]:
    """The strip of keyframes that are here, and whether the clip's beginning is what plays."""
    archive = clip.archive
    plays_from_start = archive is not None and archive.state in _OVER and archive.prefix_bytes > 0
    strip: list[Keyframe] = []
    if archive is not None and (archive.keyframes_here or archive.state == "verified"):
        try:
            found = await strip_of(services, clip)
            strip = spread(found.items, found.keyframes or 0)
        except ProblemError:  # it is moved just now, or no film: the strip is left out
            strip = []
    return {"strip": strip, "plays_from_start": plays_from_start}


def spread(keyframes: Sequence[Keyframe], count: int) -> list[Keyframe]:
    """Of a clip of `count` keyframes those that are here, the first in each stretch of it."""
    stretches: dict[int, Keyframe] = {}
    for keyframe in keyframes:
        stretches.setdefault(keyframe.number * min(STRIP_MAX, count) // max(1, count), keyframe)
    return list(stretches.values())
