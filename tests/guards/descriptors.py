"""No test may leave a file, socket or pipe open."""

import gc
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

GRACE_SECONDS: Final = 2.0
"""How long a socket or pipe that is being closed may take."""

IGNORED: Final = ("/dev/null", "/dev/urandom", "/proc/")
"""Opened once and kept by the interpreter and its libraries."""


def open_descriptors() -> Counter[str]:
    """What is open now, by target: a path, `socket:[inode]`, `pipe:[inode]`, `anon_inode:…`."""
    targets: Counter[str] = Counter()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            target = str(descriptor.readlink())
        except FileNotFoundError:  # the directory's own
            continue
        if not target.startswith(IGNORED):
            targets[target] += 1
    return targets


@pytest.fixture(autouse=True)
def no_descriptor_is_left() -> Iterator[None]:
    """Fail a test that leaves a file, socket or pipe open."""
    before = open_descriptors()
    yield
    deadline = time.monotonic() + GRACE_SECONDS
    while left := open_descriptors() - before:
        gc.collect()
        if time.monotonic() > deadline:
            pytest.fail(f"descriptors left open: {', '.join(sorted(left))}", pytrace=False)
        time.sleep(0.02)
