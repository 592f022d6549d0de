import pytest

from vigie_hub.ui.formats import Formats
from vigie_shared.i18n import translations


@pytest.mark.parametrize(
    ("language", "count", "text"),
    [
        ("en", 0, "0 B"),
        ("en", 999, "999 B"),
        ("en", 1000, "1.0 kB"),
        ("en", 2_412_000, "2.4 MB"),
        ("fr", 2_412_000, "2,4 Mo"),
        ("ar", 118_000_000_000, "118 غ.ب"),
        ("en", 5 * 10**15, "5000 TB"),
    ],
)
def test_bytes_are_read_in_the_language(language: str, count: int, text: str) -> None:
    assert Formats(language, translations(language).gettext).bytes(count) == text


def test_share_never_rounds_up_to_certainty() -> None:
    formats = Formats("en", translations("en").gettext)
    assert (formats.share(0.9999), formats.share(1.0)) == ("99%", "100%")


@pytest.mark.parametrize(
    ("language", "seconds", "text"),
    [("en", 0.4, "0 s"), ("en", 59, "59 s"), ("en", 60, "1 min"), ("fr", 7300, "2 h"), ("fr", 200_000, "2 j")],
)
def test_a_span_is_told_in_the_largest_unit_that_it_fills(language: str, seconds: float, text: str) -> None:
    assert Formats(language, translations(language).gettext).span(seconds) == text


def test_a_moment_of_a_film_is_told_in_minutes_and_seconds() -> None:
    formats = Formats("ar", translations("ar").gettext)
    assert [formats.moment(seconds) for seconds in (0.0, 9.96, 65.0, 600.2)] == ["0:00", "0:09", "1:05", "10:00"]
