from datetime import UTC, datetime

import pytest

from vigie_hub.hotlists.spreadsheet import moment, wishes_of
from vigie_hub.hotlists.wishes import PlateWish
from vigie_shared.errors import CommandError


def read(text: str, reason: str = "register") -> list[PlateWish]:
    return wishes_of(text.encode(), list_id="state", reason=reason)


def test_a_line_is_a_wish_with_all_that_it_says() -> None:
    text = (
        "Plate,reason,category,severity,rules,valid_from,valid_until\n"
        "12345-A-6,stolen,car,3,6/5 + uncertain read,2026-03-01,2026-04-01T12:00Z\n"
        "AB 123 CD,,,,,,\n"
    )
    first, second = read(text)
    assert first.text == "12345|أ|6"
    assert first.rules == ("uncertain read", "6/5")
    assert (first.category, first.severity, first.reason) == ("car", 3, "stolen")
    assert first.valid_from == datetime(2026, 3, 1, tzinfo=UTC)
    assert first.valid_until == datetime(2026, 4, 1, 12, tzinfo=UTC)
    assert second == PlateWish("AB123CD", "register", "state")


def test_a_sheet_with_semicolons_and_a_byte_order_mark_is_read_too() -> None:
    assert [wish.text for wish in read("\ufeffplate;category\n1-A-1;car\n2-A-1;car\n")] == ["1|أ|1", "2|أ|1"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "line 1"),
        ("number,reason\n1-A-1,x\n", "line 1"),
        ("plate,colour\n1-A-1,red\n", "line 1"),
        ("plate\n1-A-1\n!!!\n", "line 3.*plate"),
        ("plate,severity\n1-A-1,high\n", "line 2.*severity"),
        ("plate,valid_from\n1-A-1,tomorrow\n", "line 2.*time"),
        ("plate,rules\n1-A-1,anything\n", "line 2.*rule"),
    ],
)
def test_what_cannot_be_read_is_told_by_its_line(text: str, complaint: str) -> None:
    with pytest.raises(CommandError, match=complaint):
        read(text)


def test_a_line_without_any_reason_is_refused() -> None:
    with pytest.raises(CommandError, match=r"line 2.*reason"):
        read("plate\n1-A-1\n", reason="")


def test_another_encoding_is_refused() -> None:
    with pytest.raises(CommandError, match="UTF-8"):
        wishes_of("plate\né".encode("latin-1"), list_id="state", reason="x")


def test_a_time_of_another_zone_is_kept_in_utc() -> None:
    assert moment("2026-03-01T12:00+01:00") == datetime(2026, 3, 1, 11, tzinfo=UTC)
