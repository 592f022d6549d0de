"""Templates, one environment a language; compiled when this module is imported, so that no request reads files."""

from datetime import datetime
from typing import Any, Final

import jinja2

from vigie_hub.ui.formats import Formats
from vigie_shared.i18n import LANGUAGES, translations

DIRECTIONS: Final = {"ar": "rtl"}
NAMES: Final = {"en": "English", "fr": "Français", "ar": "العربية"}


def _clock_time(at: str) -> str:
    """24 hours and the zone; the page's script turns it into the reader's own zone."""
    return f"{datetime.fromisoformat(at):%H:%M:%S} UTC"


def _environment(language: str) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("vigie_hub.ui"),
        autoescape=True,
        auto_reload=False,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    catalogue = translations(language)
    environment.install_gettext_translations(catalogue, newstyle=True)  # type: ignore[attr-defined]
    formats = Formats(language, catalogue.gettext)
    environment.filters |= {
        "bytes": formats.bytes,
        "share": formats.share,
        "seconds": formats.seconds,
        "span": formats.span,
        "moment": formats.moment,
        "decimal": formats.decimal,
        "clock_time": _clock_time,
    }
    environment.globals |= {
        "language": language,
        "direction": DIRECTIONS.get(language, "ltr"),
        "languages": NAMES,
    }
    for name in environment.list_templates():
        environment.get_template(name)
    return environment


_ENVIRONMENTS: Final = {language: _environment(language) for language in LANGUAGES}


def render(template: str, language: str, **values: Any) -> str:
    """`template` in `language`."""
    return _ENVIRONMENTS[language].get_template(template).render(values)
