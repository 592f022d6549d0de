"""A camera's `source` setting: what it is, and how it may be shown without its password."""

import re
from dataclasses import dataclass, field
from typing import Final, Literal

from vigie_shared.errors import SettingsError
from vigie_shared.i18n import gettext as _

_SCHEME: Final = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*)://")
_CREDENTIALS: Final = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://)[^/?#]*@")
_QUERY: Final = re.compile(r"\?.*$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Address:
    """Where packets come from."""

    kind: Literal["rtsp", "file", "usb"]
    url: str = field(repr=False)

    @property
    def shown(self) -> str:
        """The address for logs and errors: without user, password and query."""
        return redacted(self.url) if self.kind == "rtsp" else self.url


def redacted(url: str) -> str:
    """`url` without user, password and query, any of which may be secret."""
    return _QUERY.sub("?…", _CREDENTIALS.sub(r"\1…@", url))


def parse_address(source: str) -> Address:
    """Tell RTSP, USB and file apart; raises SettingsError for any other scheme."""
    scheme = _SCHEME.match(source)
    if scheme is None:
        return Address("usb" if source.startswith("/dev/") else "file", source)
    if scheme[1].lower() in {"rtsp", "rtsps"}:
        return Address("rtsp", source)
    raise SettingsError(
        _("{source}: {scheme} is not supported: give rtsp://…, the path of a video file, or /dev/video0").format(
            source=redacted(source), scheme=scheme[1]
        )
    )
