"""Opaque cursors of lists: where the next page begins, by the keys of the last row."""

import base64
import binascii
import json

from vigie_hub.api.problems import ProblemError

_CHARS_MAX = 300


def pack(*keys: str | int) -> str:
    """A cursor that `unpack` understands."""
    return base64.urlsafe_b64encode(json.dumps(keys).encode()).decode().rstrip("=")


def unpack(cursor: str, *kinds: type) -> list[str | int]:
    """The keys that `pack` was given; the problem `bad-cursor` where they are not of `kinds`."""
    try:
        if len(cursor) > _CHARS_MAX:
            raise ValueError
        keys = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError) as error:
        raise ProblemError("bad-cursor") from error
    if not isinstance(keys, list) or [type(key) for key in keys] != list(kinds):
        raise ProblemError("bad-cursor")
    return keys
