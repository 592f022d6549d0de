"""The name that an MP4 gives its H.265: clips say `hev1`, Apple's players want `hvc1` (ISO/IEC 14496-15 §8.4.1)."""

from pathlib import Path
from typing import Final

from vigie_shared.errors import StoreError
from vigie_shared.i18n import gettext as _

_HEAD_BYTES_MAX: Final = 1024 * 1024
_STORED, _WANTED = b"hev1", b"hvc1"
_ENTRY_AT: Final = 4 + 8 + 4
"""From the type of the `stsd` box to that of its first entry (ISO/IEC 14496-12 §8.5.2)."""


def relabelled(path: Path) -> bool:
    """Give the sample entry in this file the other name, in place; False where it has none to give. Blocks."""
    try:
        with path.open("r+b") as file:
            head = file.read(_HEAD_BYTES_MAX)
            moov, description = head.find(b"moov"), head.find(b"stsd")
            at = description + _ENTRY_AT
            if not 0 < moov < description or head[at : at + 4] != _STORED:
                return False
            file.seek(at)
            file.write(_WANTED)
    except OSError as error:
        raise StoreError(_("{path}: {reason}").format(path=path, reason=error.strerror)) from error
    return True
