"""What the hub may ask on the command subject, and the replies: told apart by their tag, refused where malformed."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from vigie_shared.commands import COMMAND, COMMAND_REPLY, CropReply, CropRequest, Refused
from vigie_shared.ids import unique_id

READ = unique_id(datetime(2026, 3, 1, 8, tzinfo=UTC))


def test_a_request_survives_the_wire() -> None:
    request = CropRequest(read_id=READ)
    assert COMMAND.validate_json(COMMAND.dump_json(request)) == request


def test_a_picture_survives_the_wire_byte_for_byte() -> None:
    encoded = COMMAND_REPLY.validate_python({"reply": "crop", "read_id": READ, "jpeg": "/9j/4CBub3Q="})
    assert isinstance(encoded, CropReply)
    assert COMMAND_REPLY.validate_json(COMMAND_REPLY.dump_json(encoded)) == encoded


def test_a_refusal_is_told_from_a_picture() -> None:
    refusal = COMMAND_REPLY.validate_json(b'{"reply": "refused", "reason": "gone", "retryable": true}')
    assert refusal == Refused(reason="gone", retryable=True)


@pytest.mark.parametrize(
    "payload",
    [b"", b"{}", b'{"reply": "face"}', b'{"reply": "crop", "read_id": "x", "jpeg": ""}'],
    ids=["empty", "no tag", "unknown tag", "bad id"],
)
def test_a_malformed_reply_is_refused(payload: bytes) -> None:
    with pytest.raises(ValidationError):
        COMMAND_REPLY.validate_json(payload)


def test_a_picture_larger_than_a_plate_needs_is_refused() -> None:
    with pytest.raises(ValidationError, match="at most"):
        COMMAND_REPLY.validate_python({"reply": "crop", "read_id": READ, "jpeg": "AAAA" * 30_000})
