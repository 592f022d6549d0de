"""Languages: every text that a user sees exists in English, French and Arabic (gettext catalogues)."""

import gettext as _gettext
import os
from functools import lru_cache
from importlib import resources
from typing import Final

LANGUAGES: Final = ("en", "fr", "ar")
_DOMAINS: Final = ("vigie_shared", "vigie_agent", "vigie_hub")


def chosen_language() -> str:
    """The language of the process: `VIGIE_LANGUAGE`, else the locale's, else English."""
    for name in ("VIGIE_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        language = os.environ.get(name, "")[:2].lower()
        if language in LANGUAGES:
            return language
    return "en"


@lru_cache
def translations(language: str) -> _gettext.NullTranslations:
    """All catalogues that are installed, as one; English is the texts themselves."""
    found = _gettext.NullTranslations()
    for domain in _DOMAINS:
        try:
            file = resources.files(domain) / "locale" / language / "LC_MESSAGES" / f"{domain}.mo"
        except ModuleNotFoundError:
            continue
        if file.is_file():
            with file.open("rb") as stream:
                catalogue = _gettext.GNUTranslations(stream)
            catalogue.add_fallback(found)
            found = catalogue
    return found


def gettext(text: str) -> str:
    """`text` in the process's language."""
    return translations(chosen_language()).gettext(text)


def ngettext(singular: str, plural: str, count: int) -> str:
    """The right plural for `count` in the process's language."""
    return translations(chosen_language()).ngettext(singular, plural, count)
