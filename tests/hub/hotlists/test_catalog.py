from datetime import timedelta

from tests.hub.agents import NOON, new_key
from vigie_hub.hotlists.book import Book
from vigie_hub.hotlists.catalog import CatalogBook
from vigie_hub.keys import PublicKey
from vigie_shared.hotlists.catalog import CatalogCopy
from vigie_shared.hotlists.columns import Columns
from vigie_shared.hotlists.entries import Entry

KEY = new_key()
PAUSE = timedelta(minutes=15)


def book(list_id: str, *texts: str) -> Book:
    made = Book(list_id, KEY, PublicKey(KEY.public_key))
    made.begin(Columns.of(Entry(text, f"{number:022x}") for number, text in enumerate(texts)), NOON, 3600)
    return made


def catalog() -> CatalogBook:
    return CatalogBook(KEY, PublicKey(KEY.public_key))


def names(data: bytes) -> list[str]:
    copy = CatalogCopy(PublicKey(KEY.public_key))
    copy.feed(data)
    return [one.list_id for one in copy.offered]


def test_main_stands_first_and_lists_that_look_for_nothing_are_not_offered() -> None:
    (value,) = catalog().say([book("city", "1|أ|1"), book("empty"), book("main", "2|أ|2")], NOON, PAUSE)
    assert names(value.data) == ["main", "city"]


def test_what_is_no_news_is_said_again_only_after_the_pause() -> None:
    said, books = catalog(), [book("main", "1|أ|1")]
    (first,) = said.say(books, NOON, PAUSE)
    assert said.say(books, NOON + timedelta(minutes=14), PAUSE) == []
    (again,) = said.say(books, NOON + PAUSE, PAUSE)
    assert again.version == first.version
    (news,) = said.say([*books, book("city", "2|أ|2")], NOON + PAUSE, PAUSE)
    assert news.version == first.version + 1


def test_a_catalog_goes_on_from_what_was_said_and_above_what_agents_saw() -> None:
    (first,) = catalog().say([book("main", "1|أ|1")], NOON, PAUSE)
    later = catalog()
    later.restore({first.key: first.data})
    assert later.say([book("main", "1|أ|1")], NOON, PAUSE) == []
    later.go_above(first.version + 10)
    (news,) = later.say([book("main", "1|أ|1")], NOON, PAUSE)
    assert news.version == first.version + 11
