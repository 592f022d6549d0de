"""The disks that a power cut may leave, made from the log of `recorder.c`.

What was synced is there. Of what was not, each sector of 512 bytes may be there or not, whatever its order; sizes
change with what reaches the disk. Names (made, moved, removed) last when their folder is synced; until then a
beginning of them is there.
"""

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

SECTOR_BYTES = 512
_HEAD = struct.Struct("=cqQQ")


class Op(NamedTuple):
    """One thing that was done to the disk, or a promise that was made."""

    kind: str
    path: str
    at: int
    data: bytes


def ops_of(log: Path) -> Iterator[Op]:
    """What was recorded, in order."""
    data, at = log.read_bytes(), 0
    while at < len(data):
        kind, offset, path_size, size = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        path = data[at : at + path_size].decode()
        at += path_size
        yield Op(kind.decode(), path, offset, data[at : at + size])
        at += size


@dataclass
class _File:
    """What is on the platter, and what is on its way there."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[Op] = field(default_factory=list)

    def sync(self) -> None:
        for op in self.pending:
            _apply(self.durable, op)
        self.pending.clear()

    def after(self, cut: "Cut", chance: random.Random) -> bytes:
        content = bytearray(self.durable)
        for op in cut.of(self.pending, chance):
            _apply(content, op)
        return bytes(content)


@dataclass(frozen=True)
class Cut:
    """What reached the disk of that which was not synced."""

    name: str
    share: float = 0.5
    """Of the writes, or of their sectors."""

    def of(self, pending: list[Op], chance: random.Random) -> Iterator[Op]:
        if self.name == "all":
            yield from pending
        elif self.name == "beginning":
            count = chance.randint(0, len(pending))
            yield from pending[:count]
            if count < len(pending):
                sectors = list(_sectors(pending[count]))
                yield from sectors[: chance.randint(0, len(sectors))]
        elif self.name == "some writes":
            yield from (op for op in pending if chance.random() < self.share)
        elif self.name == "some sectors":
            yield from (sector for op in pending for sector in _sectors(op) if chance.random() < self.share)

    def names(self, pending: "list[_Change]", chance: random.Random) -> "list[_Change]":
        """A journalling file system keeps their order."""
        counts = {"all": len(pending), "nothing": 0}
        return pending[: counts.get(self.name, chance.randint(0, len(pending)))]


CUTS = (
    Cut("nothing"),
    Cut("all"),
    Cut("beginning"),
    Cut("some writes"),
    Cut("some writes", 0.9),
    Cut("some sectors"),
    Cut("some sectors", 0.95),
)


class _Change(NamedTuple):
    """Of a name; `file` is what was made, None for a folder."""

    op: Op
    file: _File | None

    def apply(self, names: dict[str, _File | None]) -> None:
        if self.op.kind in "cd":
            names[self.op.path] = self.file
        elif self.op.kind == "u":
            names.pop(self.op.path, None)
        elif self.op.path in names:
            names[self.op.data.decode()] = names.pop(self.op.path)


class Disk:
    """Follows the log; at any point of it, gives the files that a cut of the power may leave."""

    def __init__(self, folder: Path) -> None:
        """`folder` was there, and durable, before."""
        self._folder = folder
        self._names: dict[str, _File | None] = {str(folder): None}
        self._durable: dict[str, _File | None] = {str(folder): None}
        self._pending: list[_Change] = []

    def feed(self, op: Op) -> None:
        if op.kind in "cdur":
            change = _Change(op, _File() if op.kind == "c" else None)
            change.apply(self._names)
            self._pending.append(change)
        elif file := self._names.get(op.path):
            if op.kind == "s":
                file.sync()
            else:
                file.pending.append(op)
        elif op.kind == "s":
            self._sync_folder(Path(op.path))

    def write(self, to: Path, cut: Cut, chance: random.Random) -> None:
        """Write out what is there after a cut."""
        names = dict(self._durable)
        for change in cut.names(self._pending, chance):
            change.apply(names)
        for path, file in sorted(names.items()):
            target = to / Path(path).relative_to(self._folder)
            if not target.parent.is_dir() or path.endswith("-shm"):  # the latter is memory, no file that must last
                continue
            if file is None:
                target.mkdir(exist_ok=True)
            else:
                target.write_bytes(file.after(cut, chance))

    def _sync_folder(self, folder: Path) -> None:
        for change in [change for change in self._pending if Path(change.op.path).parent == folder]:
            change.apply(self._durable)
            self._pending.remove(change)


def _apply(content: bytearray, op: Op) -> None:
    if op.kind == "t":
        del content[op.at :]
        content.extend(bytes(op.at - len(content)))
        return
    if len(content) < op.at:
        content.extend(bytes(op.at - len(content)))
    content[op.at : op.at + len(op.data)] = op.data


def _sectors(op: Op) -> Iterator[Op]:
    """A write, cut where sectors end."""
    if op.kind == "t":
        yield op
        return
    start = 0
    while start < len(op.data):
        size = min(SECTOR_BYTES - (op.at + start) % SECTOR_BYTES, len(op.data) - start)
        yield op._replace(at=op.at + start, data=op.data[start : start + size])
        start += size
