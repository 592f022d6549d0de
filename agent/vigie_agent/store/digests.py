"""Digests of clips, made as their segments are written: each byte of a clip that is whole was hashed once for it."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hashlib import _Hash

GROWING_MAX: Final = 256
"""Clips that grow at once; the digest of one that is beyond is made from its segments when it is finished."""


class ClipDigests:
    """Belongs to the writer's thread. What is told twice counts once."""

    def __init__(self) -> None:
        self._growing: OrderedDict[str, tuple[int, _Hash]] = OrderedDict()

    def feed(self, clip_id: str, idx: int, data: bytes) -> None:
        """A segment that is being written; one that does not follow is left for the end."""
        count, whole = self._growing.pop(clip_id, (0, hashlib.sha256()))
        if idx == count:
            whole.update(data)
            count += 1
        self._growing[clip_id] = (count, whole)
        if len(self._growing) > GROWING_MAX:
            self._growing.popitem(last=False)

    def of(self, clip_id: str, segments: Sequence[bytes]) -> str:
        """The digest of a clip that is whole, in hexadecimal."""
        count, _whole = self._growing.get(clip_id, (0, None))
        if count > len(segments):
            self.forget(clip_id)
        for idx, data in enumerate(segments):
            self.feed(clip_id, idx, data)
        return self._growing[clip_id][1].hexdigest()

    def forget(self, clip_id: str) -> None:
        """Let go of a clip that grows no more."""
        self._growing.pop(clip_id, None)
