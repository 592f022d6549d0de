"""Texts come in the language of the process, and in English where there is none."""

import pytest

from vigie_shared.i18n import chosen_language, gettext, ngettext, translations


@pytest.fixture(autouse=True)
def no_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a box that nobody has told a language."""
    for name in ("VIGIE_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "fr_MA.UTF-8"}, "fr"),
        ({"LANG": "ar_MA.UTF-8", "LC_ALL": "C"}, "ar"),
        ({"LANG": "ar_MA.UTF-8", "LC_ALL": "fr_FR"}, "fr"),
        ({"LANG": "fr_MA", "VIGIE_LANGUAGE": "AR"}, "ar"),
        ({"LANG": "fr_MA", "VIGIE_LANGUAGE": "en"}, "en"),
        ({"LANG": "de_DE"}, "en"),
    ],
    ids=str,
)
def test_vigies_own_variable_wins_over_the_locales(
    environment: dict[str, str], language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert chosen_language() == language


def test_a_text_is_translated_and_an_unknown_one_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "measure speed and size"
    assert gettext(text) == text
    monkeypatch.setenv("VIGIE_LANGUAGE", "fr")
    assert gettext(text) == "mesurer la vitesse et le volume"
    assert gettext("no such text") == "no such text"


@pytest.mark.parametrize(("count", "expected"), [(0, "clips"), (1, "clip"), (2, "clips")])
def test_plurals_fall_back_to_english(count: int, expected: str) -> None:
    assert ngettext("clip", "clips", count) == expected


def test_the_arabic_catalogue_has_the_six_plurals_of_arabic() -> None:
    assert "nplurals=6" in translations("ar").info()["plural-forms"]
