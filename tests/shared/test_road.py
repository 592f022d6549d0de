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


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=8), st.integers(1, 60))
def test_chunks_survive_any_cut_and_what_follows_the_last_is_not_theirs(parts: list[bytes], piece_bytes: int) -> None:
    stream = b"".join(road.chunk(part) for part in parts) + b"0\r\n\r\nmore"
    chunks, found = road.Chunks(), b""
    for at in range(0, len(stream), piece_bytes):
        found += b"".join(bytes(within) for within in chunks.feed(stream[at : at + piece_bytes]))
    assert found == b"".join(parts)
    assert chunks.is_over


def test_chunks_of_other_senders_are_understood() -> None:
    """Capital digits, an extension, a bare line feed."""
    chunks = road.Chunks()
    assert b"".join(bytes(part) for part in chunks.feed(b"0A;name=value\r\n0123456789\r\n2\nab\n")) == b"0123456789ab"
    assert not chunks.is_over


@pytest.mark.parametrize(
    "stream",
    [b"-1\r\n", b"0x10\r\n", b"111111111\r\n", b"x\r\n", b"1" * 64],
    ids=["sign", "0x", "huge", "no number", "long"],
)
def test_what_begins_no_chunk_is_refused(stream: bytes) -> None:
    with pytest.raises(WireError):
        list(road.Chunks().feed(stream))


def test_a_proof_is_for_one_agent_one_session_and_one_secret() -> None:
    proofs = {road.proof(*fields) for fields in (("a", "s", "x"), ("b", "s", "x"), ("a", "t", "x"), ("a", "s", "y"))}
    assert len(proofs) == 4
