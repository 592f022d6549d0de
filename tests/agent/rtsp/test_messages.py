import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie_agent.rtsp.errors import ProtocolError
from vigie_agent.rtsp.messages import answer, request, take_message

ANSWER = (
    b"RTSP/1.0 200 OK\r\nCSeq: 7\r\nWWW-Authenticate: Basic\r\nwww-authenticate: Digest\r\n"
    b"Content-Length: 4\r\n\r\nbody"
)


def test_an_answer_is_taken_whole_with_all_its_headers() -> None:
    taken = take_message(memoryview(ANSWER + b"$\x00"))
    assert taken is not None
    message, size = taken
    assert size == len(ANSWER)
    assert (message.status, message.sequence, message.body) == (200, 7, b"body")
    assert message.headers["www-authenticate"] == ["Basic", "Digest"]
    assert message.header("session") == ""


@given(st.integers(0, len(ANSWER) - 1))
def test_a_message_is_not_taken_before_it_is_whole(size: int) -> None:
    assert take_message(memoryview(ANSWER[:size])) is None


def test_requests_and_answers_are_what_the_other_side_reads() -> None:
    data = request("SETUP", "rtsp://h/t", 3, {"Session": "1"})
    taken = take_message(memoryview(data))
    assert taken is not None
    assert (taken[0].method, taken[0].sequence, taken[0].header("session")) == ("SETUP", 3, "1")
    replied = take_message(memoryview(answer("200 OK", 3)))
    assert replied is not None
    assert (replied[0].status, replied[0].sequence) == (200, 3)


@pytest.mark.parametrize("sequence", ["", "x", "-1", "²", "9" * 40])
def test_a_sequence_number_that_is_none_is_none(sequence: str) -> None:
    taken = take_message(memoryview(f"RTSP/1.0 200 OK\r\nCSeq: {sequence}\r\n\r\n".encode()))
    assert taken is not None
    assert taken[0].sequence is None


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"RTSP/1.0 OK\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"RTSP/1.0 200 OK\r\n" + b"a: b\r\n" * 70 + b"\r\n",
        b"x" * 20_000,
    ],
)
def test_what_is_no_message_is_an_error(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        take_message(memoryview(data))
