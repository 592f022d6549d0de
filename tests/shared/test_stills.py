"""A still travels as its head, a newline and the JPEG; anything else is no answer."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie_shared.commands import Refused
from vigie_shared.errors import WireError
from vigie_shared.stills import STILL_BYTES_MAX, Still, StillHead, StillWish, decode_reply

AT = datetime(2026, 3, 1, 12, 0, 0, 40_000, UTC)


@given(st.binary(max_size=200), st.floats(-10, 10) | st.none())
def test_what_an_agent_sends_is_what_the_hub_gets(jpeg: bytes, offset: float | None) -> None:
    still = Still(StillHead(number=7, at=AT, clock_source="ntp", camera_offset_seconds=offset), jpeg)
    assert decode_reply(still.encode()) == still


def test_a_refusal_is_one_too() -> None:
    refused = Refused(reason="not\nnow", retryable=True, after_seconds=3)
    assert decode_reply(refused.model_dump_json().encode()) == refused


@pytest.mark.parametrize(
    "payload",
    [
        *(b"", b"\n", b"{}\n", b"null\nx", b'{"reply":"still"}\n', b'{"reply":"crop"}\n', b"\xff\xd8\n\xff\xd9"),
        b'{"reply":"still","number":-1,"at":"2026-03-01T00:00:00Z"}\n',
        b'{"reply":"still","number":1,"at":"2026-03-01T00:00:00"}\n',
        b"[" * 5000,
        Still(StillHead(number=1, at=AT), bytes(STILL_BYTES_MAX + 1)).encode(),
    ],
    ids=lambda payload: repr(payload[:20]),
)
def test_anything_else_is_not_believed(payload: bytes) -> None:
    with pytest.raises(WireError):
        decode_reply(payload)


@given(st.binary(max_size=100))
def test_no_bytes_break_the_reader(payload: bytes) -> None:
    with pytest.raises(WireError):
        decode_reply(payload)


def test_a_wish_is_as_short_as_it_can_be() -> None:
    assert StillWish(camera_id="in").model_dump_json(exclude_none=True) == '{"camera_id":"in","viewers":1}'
