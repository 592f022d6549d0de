"""The language of one request: asked for in the address, kept in a cookie, or preferred by the browser."""

from typing import Final

from starlette.requests import HTTPConnection

from vigie_shared.i18n import LANGUAGES

COOKIE: Final = "vigie_language"
_HEADER_CHARS_MAX: Final = 500


def marked(text: str) -> str:
    """`text` itself: marks it for translation where it is defined, to be translated where it is shown."""
    return text


def asked_language(request: HTTPConnection) -> str | None:
    """The language that the address asks for (`?language=ar`)."""
    asked = request.query_params.get("language", "")
    return asked if asked in LANGUAGES else None


def language_of(request: HTTPConnection) -> str:
    """One of `LANGUAGES`."""
    kept = request.cookies.get(COOKIE, "")
    return (
        asked_language(request)
        or (kept if kept in LANGUAGES else None)
        or preferred_language(request.headers.get("accept-language", ""))
    )


def preferred_language(accept_language: str) -> str:
    """The best known language of an Accept-Language header (RFC 9110 §12.5.4); English where none is known."""
    weighed = []
    for part in accept_language[:_HEADER_CHARS_MAX].split(","):
        tag, _, weight = part.partition(";q=")
        try:
            weighed.append((float(weight or 1), tag.strip()[:2].lower()))
        except ValueError:
            continue
    known = [entry for entry in weighed if entry[1] in LANGUAGES and entry[0] > 0]
    return max(known, key=lambda entry: entry[0], default=(1.0, LANGUAGES[0]))[1]
