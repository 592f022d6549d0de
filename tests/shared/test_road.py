"""Messages come out of a stream as they went in, however it is cut; what is none is refused early."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie_shared import road
from vigie_shared.errors import WireError

MESSAGES = st.lists(st.one_of(st.text(max_size=50), st.binary(max_size=50)), max_size=8)


@given(MESSAGES, st.integers(1, 60))
def test_messages_survive_any_cut(messages: list[str | bytes], piece_bytes: int) -> None:
    stream = b"".join(road.pack(message) for message in messages)
    reader, found = road.Messages(), list[str | bytes]()
    for at in range(0, len(stream), piece_bytes):
        found += reader.feed(stream[at : at + piece_bytes])
    assert found == messages


@pytest.mark.parametrize(
    "stream",
    [b"x\0\0\0\x01x", struct.pack(">cI", b"t", 64 * 1024 + 1), struct.pack(">cI", b"b", 1 << 30), b"t\0\0\0\x01\xff"],
    ids=["unknown kind", "long text", "long frame", "not UTF-8"],
)
def test_what_is_no_message_is_refused_before_it_is_here(stream: bytes) -> None:
    with pytest.raises(WireError):
        road.Messages().feed(stream)


def test_a_proof_is_for_one_agent_one_session_and_one_secret() -> None:
    proofs = {road.proof(*fields) for fields in (("a", "s", "x"), ("b", "s", "x"), ("a", "t", "x"), ("a", "s", "y"))}
    assert len(proofs) == 4
