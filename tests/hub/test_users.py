import asyncio
from pathlib import Path

import pytest

from tests.hub.agents import NOON
from vigie_hub import users
from vigie_hub.database import Database
from vigie_shared.errors import CommandError


async def test_user_comes_in_with_the_right_password_only(tmp_path: Path) -> None:
    async with Database(tmp_path / "hub.db") as database:
        await asyncio.to_thread(users.add, database, "amal", "correct horse", NOON)
        known = users.Users(database)
        assert await known.verify("amal", "correct horse")
        assert not await known.verify("amal", "correct hors")
        assert not await known.verify("badr", "correct horse")
        assert not await known.verify("", "")


def test_hashes_are_salted_and_say_how_they_were_made() -> None:
    first, second = users.hash_password("correct horse"), users.hash_password("correct horse")
    assert first != second
    assert first.startswith("scrypt$15$8$1$")
    assert users.matches("correct horse", first)


def test_hash_of_other_parameters_stays_valid() -> None:
    salt = b"0123456789abcdef"
    digest = users._scrypt("old password", salt, 14, 8, 1)
    assert users.matches("old password", f"scrypt$14$8$1${users._text(salt)}${users._text(digest)}")


def test_new_password_replaces_the_old_one(tmp_path: Path) -> None:
    with Database(tmp_path / "hub.db") as database:
        users.add(database, "amal", "correct horse", NOON)
        users.add(database, "amal", "battery staple", NOON)
        rows = database.read_now(lambda connection: connection.execute("SELECT password_hash FROM users").fetchall())
    assert [users.matches("battery staple", row[0]) for row in rows] == [True]


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("", "long enough"),
        ("a:b", "long enough"),
        ("a\nb", "long enough"),
        ("x" * 65, "long enough"),
        ("amal", "short"),
    ],
)
def test_unusable_name_or_password_is_refused(tmp_path: Path, name: str, password: str) -> None:
    with Database(tmp_path / "hub.db") as database, pytest.raises(CommandError):
        users.add(database, name, password, NOON)
