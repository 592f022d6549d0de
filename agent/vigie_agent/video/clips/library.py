"""Clips as pullers see them: manifests and indexes, signed, made once for as long as a pull may come back."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Final, Protocol, TypeVar

from vigie_agent.video.clips.keyframe_index import index_of
from vigie_shared.transfer import Index, Manifest, index_statement, manifest_statement

T = TypeVar("T")
WAITING_SECONDS: Final = 1.5
"""How often a puller hears at the least that it has no turn."""
_KEPT_MAX: Final = 16
_FILE_TYPE: Final = slice(4, 8)


class ClipSource(Protocol):
    """Where clips are; called in threads, a read from its first piece to its last in one."""

    def manifest(self, clip_id: str) -> Manifest | None:
        """What the clip is, or None where there is none."""
        ...

    def read(self, clip_id: str, offset: int, length: int) -> Iterator[bytes]:
        """The clip's bytes from `offset`, `length` of them, in pieces of any size; raises StoreError."""
        ...


class Served(Protocol):
    """What a session needs of a clip once it has the manifest; called in threads."""

    def index(self, manifest: Manifest) -> Index | None:
        """Where its keyframes are; None where it does not show. Raises StoreError."""
        ...

    def read(self, clip_id: str, offset: int, length: int) -> Iterator[bytes]:
        """The clip's bytes; raises StoreError."""
        ...


class ClipLibrary:
    """Called in threads. A manifest costs a reading of the whole clip, so the last few are kept."""

    def __init__(self, clips: ClipSource, agent_id: str, sign: Callable[[bytes], str] | None = None) -> None:
        """Without `sign` nothing is signed, and no index is offered: nobody could believe it."""
        self._clips = clips
        self._agent_id = agent_id
        self._sign = sign
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, object] = OrderedDict()

    def manifest(self, clip_id: str) -> Manifest | None:
        """What the clip is; None where there is none. Raises StoreError."""
        return self._once(("manifest", clip_id), lambda: self._made_manifest(clip_id))

    def index(self, manifest: Manifest) -> Index | None:
        """Where its keyframes are; None where it does not show. Raises StoreError."""
        return self._once(("index", manifest.clip_id), lambda: self._made_index(manifest))

    def read(self, clip_id: str, offset: int, length: int) -> Iterator[bytes]:
        """The clip's bytes; raises StoreError."""
        return self._clips.read(clip_id, offset, length)

    def _made_manifest(self, clip_id: str) -> Manifest | None:
        made = self._clips.manifest(clip_id)
        if made is None:
            return None
        said: dict[str, object] = {"waiting_seconds": WAITING_SECONDS}
        if self._sign is not None:
            begins = b"".join(self._clips.read(clip_id, 0, min(8, made.bytes)))
            said |= {"indexed": begins[_FILE_TYPE] == b"ftyp"}
            said |= {"signature": self._sign(manifest_statement(self._agent_id, made))}
        return made.model_copy(update=said)

    def _made_index(self, manifest: Manifest) -> Index | None:
        made = index_of(self._clips.read(manifest.clip_id, 0, manifest.bytes))
        if made is None or self._sign is None:
            return None
        statement = index_statement(self._agent_id, manifest.clip_id, manifest.sha256, made)
        return made.model_copy(update={"signature": self._sign(statement)})

    def _once(self, key: Hashable, make: Callable[[], T | None]) -> T | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]  # type: ignore[return-value]
        made = make()
        if made is not None:
            with self._lock:
                self._kept[key] = made
                while len(self._kept) > _KEPT_MAX:
                    self._kept.popitem(last=False)
        return made
