"""Times of events, as the schema keeps them, out of microseconds since 1970."""

from functools import lru_cache

from vigie_shared.columns.kinds import from_us


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    return from_us(seconds * 1_000_000).isoformat()[:19]


def iso_of_us(us: int) -> str:
    """What `database.iso` makes of the same time."""
    seconds, rest = divmod(us, 1_000_000)
    return f"{_second(seconds)}.{rest // 1000:03d}Z"
