"""What left is found again until it is too old."""

import pytest

from vigie_shared.rtc.history import History


def filled(packets: int, slices: list[int], first: int = 0) -> History:
    history, sequence = History(packets), first
    for number, count in enumerate(slices):
        payloads = [f"{sequence + n & 0xFFFF}".encode() for n in range(count)]
        history.add(sequence & 0xFFFF, payloads, number, ends_frame=number % 2 == 1)
        sequence += count
    return history


@pytest.mark.parametrize("first", [0, 65_530])
def test_each_packet_kept_is_found_by_its_number(first: int) -> None:
    history = filled(20, [3, 5, 8], first)
    for number in range(16):
        found = history.find(first + number & 0xFFFF)
        assert found is not None
        assert found[0] == f"{first + number & 0xFFFF}".encode()
        assert found[2] == (number == 7)


def test_as_many_are_kept_as_asked_for_and_little_more() -> None:
    history = filled(2048, [100] * 50)
    assert history.find(5000 - 2048) is not None
    assert history.find(5000 - 2048 - 100) is None


def test_what_was_never_sent_is_not_found() -> None:
    history = filled(100, [10])
    assert history.find(10) is None
    assert history.find(65_535) is None
    assert History().find(0) is None
