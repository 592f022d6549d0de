import pytest

from vigie_hub.api.language import preferred_language


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("ar-MA", "ar"),
        ("fr-MA,fr;q=0.9,en;q=0.8", "fr"),
        ("de, ar;q=0.5, fr;q=0.7", "fr"),
        ("de, es", "en"),
        ("fr;q=0, ar;q=0.1", "ar"),
        ("fr;q=abc, ar", "ar"),
        ("*", "en"),
        (",;q=,;;", "en"),
        ("fr;q=0.2," * 1000 + "ar", "fr"),
    ],
)
def test_best_known_language_wins(header: str, language: str) -> None:
    assert preferred_language(header) == language
