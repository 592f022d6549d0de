import re

import jinja2
import pytest

from vigie_hub.ui.environment import render
from vigie_shared.i18n import LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_of_the_sign_in_page_is_in_its_language(language: str) -> None:
    page = render("login.html", language, path="/login", name="", trouble=None)
    assert f'<html lang="{language}"' in page
    assert ("Sign in" in page) == (language == "en")


def test_values_are_escaped() -> None:
    page = render("login.html", "en", path="/login", name='"><script>', trouble=None)
    assert "<script>" not in page


def test_a_forgotten_value_is_an_error_and_not_an_empty_page() -> None:
    with pytest.raises(jinja2.UndefinedError):
        render("login.html", "en", path="/login")


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_hold_no_inline_script_or_style(language: str) -> None:
    page = render("login.html", language, path="/login", name="", trouble=None)
    assert not re.search(r"<style|style=|<script(?![^>]*src)|\son\w+=", page)
