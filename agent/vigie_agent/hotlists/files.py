"""Copies of lists on the disk: values as they came, and the head apart, which changes more often."""

import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from vigie_shared.errors import StoreError
from vigie_shared.hotlists.sealed import VALUE_BYTES_MAX, head_key
from vigie_shared.i18n import gettext as _

FOLDER: Final = "hotlists"
_MAGIC: Final = b"vigie hotlist values 1\n"
_LENGTHS: Final = struct.Struct("<HI")


class ListFiles:
    """`<list>.values`, `<list>.head` and `<list>.seen`; each is written aside, synced and renamed. StoreError where
    the disk refuses; what cannot be read counts as not there.
    """

    def __init__(self, data_dir: Path, list_id: str) -> None:
        self._folder = data_dir / FOLDER
        self._list_id = list_id

    def load(self) -> dict[str, bytes]:
        """All values that are there."""
        data = self._read("values")
        values = _unpacked(data.removeprefix(_MAGIC)) if data.startswith(_MAGIC) else {}
        if head := self._read("head"):
            values[head_key(self._list_id)] = head
        return values

    def save(self, values: Mapping[str, bytes]) -> None:
        """Keep another version; the head last, so that it never names what is not there."""
        key = head_key(self._list_id)
        parts = [_MAGIC]
        for name, data in values.items():
            if name != key:
                parts += (_LENGTHS.pack(len(name.encode()), len(data)), name.encode(), data)
        self._write("values", b"".join(parts))
        self.save_head(values[key])

    def save_head(self, head: bytes) -> None:
        """Keep a head that was signed anew."""
        self._write("head", head)

    def seen(self) -> int:
        """The newest version for which stored reads were looked through."""
        text = self._read("seen")
        return int(text) if text.isdigit() and len(text) < 20 else 0

    def save_seen(self, version: int) -> None:
        """They were, for this version."""
        self._write("seen", str(version).encode())

    def erase(self) -> None:
        """Another hub's list is of no use here."""
        for kind in ("values", "head", "seen"):
            self._path(kind).unlink(missing_ok=True)

    def _path(self, kind: str) -> Path:
        return self._folder / f"{self._list_id}.{kind}"

    def _read(self, kind: str) -> bytes:
        try:
            return self._path(kind).read_bytes()
        except OSError:
            return b""

    def _write(self, kind: str, data: bytes) -> None:
        path = self._path(kind)
        draft = path.with_name(f".{path.name}.part")
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            with draft.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise StoreError(_("{path}: {reason}").format(path=path, reason=error.strerror)) from error


def _unpacked(data: bytes) -> dict[str, bytes]:
    """Values up to the first that is not whole."""
    values: dict[str, bytes] = {}
    at = 0
    while at + _LENGTHS.size <= len(data):
        name_bytes, value_bytes = _LENGTHS.unpack_from(data, at)
        at += _LENGTHS.size
        if value_bytes > VALUE_BYTES_MAX or at + name_bytes + value_bytes > len(data):
            break
        name = data[at : at + name_bytes].decode(errors="replace")
        values[name] = data[at + name_bytes : at + name_bytes + value_bytes]
        at += name_bytes + value_bytes
    return values
