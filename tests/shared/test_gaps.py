"""What an agent signs when footage is lost."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from vigie_shared import gaps
from vigie_shared.events import GapRecorded

AT = datetime(2026, 3, 1, 8, tzinfo=UTC)
GAP = GapRecorded(at=AT, camera_id="gate", gap_id="0" * 22, ended_at=AT + timedelta(seconds=3), reason="overwritten")


class Key:
    """Takes one signature."""

    def verify(self, message: bytes, signature: str) -> bool:
        return signature == message.hex()[:64]


def test_the_words_are_the_same_however_the_times_are_written() -> None:
    local = GAP.model_copy(update={"at": AT.astimezone(timezone(timedelta(hours=1)))})
    again = GapRecorded.model_validate_json(local.model_dump_json())
    assert gaps.statement("edge", again) == gaps.statement("edge", GAP)


@pytest.mark.parametrize(
    "change",
    [
        {"camera_id": "yard"},
        {"reason": "disk_full"},
        {"clip_id": "1" * 22},
        {"gap_id": "2" * 22},
        {"at": AT - timedelta(seconds=1)},
    ],
)
def test_no_word_can_be_changed(change: dict[str, object]) -> None:
    assert gaps.statement("edge", GAP.model_copy(update=change)) != gaps.statement("edge", GAP)


def test_a_gap_without_a_signature_is_nobodys_word() -> None:
    assert not gaps.is_signed("edge", GAP, Key())
    signed = GAP.model_copy(update={"signature": gaps.statement("edge", GAP).hex()[:64]})
    assert gaps.is_signed("edge", signed, Key())
