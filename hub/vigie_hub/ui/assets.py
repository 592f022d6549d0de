"""The page's own files, read once when this module is imported: style, script, signs."""

import hashlib
from dataclasses import dataclass
from importlib import resources
from typing import Final

_TYPES: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


@dataclass(frozen=True)
class Asset:
    """A file as it is sent."""

    data: bytes
    media_type: str
    etag: str


def _read(name: str) -> Asset:
    data = (resources.files("vigie_hub.ui") / "static" / name).read_bytes()
    return Asset(data, _TYPES[name.rpartition(".")[2]], f'"{hashlib.sha256(data).hexdigest()[:32]}"')


_SCRIPTS: Final = ("vigie.js", "drawing.js", "viewer.js", "live.js", "fallback.js", "stills.js", "problem.js")
ASSETS: Final = {name: _read(name) for name in (*_SCRIPTS, "vigie.css", "vigie.svg", "icons.svg")}
"""By name, as under /static/."""
