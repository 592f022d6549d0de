"""The digest of a clip is that of its segments joined together, whatever order they were told in, and how often."""

import hashlib
from itertools import permutations

import pytest

from vigie_agent.store.digests import GROWING_MAX, ClipDigests

SEGMENTS = (b"one", b"two", b"three")
WHOLE = hashlib.sha256(b"".join(SEGMENTS)).hexdigest()


@pytest.mark.parametrize("order", [(), *permutations(range(3)), (0, 0, 1, 1), (2, 2)])
def test_the_digest_is_that_of_the_whole(order: tuple[int, ...]) -> None:
    digests = ClipDigests()
    for idx in order:
        digests.feed("clip", idx, SEGMENTS[idx])
    assert digests.of("clip", SEGMENTS) == WHOLE
    assert digests.of("clip", SEGMENTS) == WHOLE, "asked again, as when a group is tried again"


def test_clips_that_never_end_do_not_fill_the_memory() -> None:
    digests = ClipDigests()
    for number in range(GROWING_MAX + 10):
        digests.feed(str(number), 0, SEGMENTS[0])
    assert len(digests._growing) == GROWING_MAX
    assert digests.of("0", SEGMENTS) == WHOLE, "it was let go of, and is made anew"


def test_a_clip_that_became_shorter_is_hashed_anew() -> None:
    digests = ClipDigests()
    for idx, data in enumerate(SEGMENTS):
        digests.feed("clip", idx, data)
    assert digests.of("clip", SEGMENTS[:2]) == hashlib.sha256(b"onetwo").hexdigest()


def test_a_clip_that_was_let_go_of_begins_anew() -> None:
    digests = ClipDigests()
    digests.feed("clip", 0, b"other")
    digests.forget("clip")
    assert digests.of("clip", SEGMENTS) == WHOLE
