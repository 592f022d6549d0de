"""`./dev locale`: collects the texts of each package, updates its catalogues, compiles them.

One a package and language: `<side>/<package>/locale/<language>/LC_MESSAGES/<package>.po`, and `.mo` beside it.
"""

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from string import Formatter
from typing import Final

from babel.messages import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from vigie_shared.i18n import LANGUAGES

REPOSITORY: Final = Path(__file__).parents[1]
PACKAGES: Final = {"vigie_shared": "shared", "vigie_agent": "agent", "vigie_hub": "hub"}
TRANSLATED: Final = tuple(language for language in LANGUAGES if language != "en")
METHODS: Final = [("**.py", "python"), ("**/templates/**.html", "jinja2"), ("**/templates/**.txt", "jinja2")]
KEYWORDS: Final = {"_": None, "marked": None, "gettext": None, "ngettext": (1, 2)}
_PERCENT_FIELD: Final = re.compile(r"%\((\w+)\)[sd]")


def collect(package: str) -> Catalog:
    """All texts of a package, in English."""
    template = Catalog()
    source = REPOSITORY / PACKAGES[package] / package
    for file, _line, message, comments, context in extract_from_dir(
        str(source), METHODS, keywords=KEYWORDS, comment_tags=("Translators:",), strip_comment_tags=True
    ):
        template.add(message, None, [(f"{package}/{file}", 0)], auto_comments=comments, context=context)
    return template


def path(package: str, language: str, kind: str = "po") -> Path:
    """Where a catalogue is."""
    return REPOSITORY / PACKAGES[package] / package / "locale" / language / "LC_MESSAGES" / f"{package}.{kind}"


def read(package: str, language: str) -> Catalog:
    """A catalogue as it is written; empty where there is none yet."""
    file = path(package, language)
    if not file.is_file():
        return Catalog(locale=language, domain=package)
    with file.open("rb") as stream:
        return read_po(stream, locale=language, domain=package)


def written(catalogue: Catalog) -> bytes:
    """The `.po` of a catalogue: without dates and line numbers, so that it changes only where a text does."""
    head = (
        'msgid ""\nmsgstr ""\n'
        '"MIME-Version: 1.0\\n"\n'
        '"Content-Type: text/plain; charset=utf-8\\n"\n'
        '"Content-Transfer-Encoding: 8bit\\n"\n'
        f'"Language: {catalogue.locale_identifier}\\n"\n'
        f'"Plural-Forms: {catalogue.plural_forms}\\n"\n\n'
    )
    body = BytesIO()
    write_po(body, catalogue, width=110, omit_header=True, sort_output=True, ignore_obsolete=True, include_lineno=False)
    return head.encode() + body.getvalue().lstrip(b"\n")


def compiled(package: str, language: str) -> bytes:
    """The `.mo` of a catalogue, the same bytes at any time."""
    catalogue = read(package, language)
    catalogue.creation_date = catalogue.revision_date = datetime(2026, 1, 1, tzinfo=UTC)
    body = BytesIO()
    write_mo(body, catalogue)
    return body.getvalue()


def update() -> None:
    """Bring all catalogues up to date with the texts, and compile them."""
    for package in PACKAGES:
        template = collect(package)
        for language in TRANSLATED:
            catalogue = read(package, language)
            catalogue.update(template, no_fuzzy_matching=True, update_creation_date=False)
            file = path(package, language)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(written(catalogue))
            path(package, language, "mo").write_bytes(compiled(package, language))


def problems(package: str, language: str) -> Iterator[str]:
    """What is wrong with a catalogue, one line each."""
    where = f"{package} ({language})"
    catalogue = read(package, language)
    for message in collect(package):
        if message.id and (found := catalogue.get(message.id, message.context)) is None:
            yield f"{where}: not in the catalogue: {message.id!r}"
        elif message.id and found is not None:
            yield from (f"{where}: {fault}: {message.id!r}" for fault in _faults(found, catalogue.num_plurals))
    file = path(package, language, "mo")
    if not file.is_file() or file.read_bytes() != compiled(package, language):
        yield f"{where}: the compiled catalogue is stale"


def _faults(message: Message, plurals: int) -> Iterator[str]:
    ids = [message.id] if isinstance(message.id, str) else list(message.id)
    strings = [message.string] if isinstance(message.string, str) else list(message.string or ())
    if message.fuzzy:
        yield "fuzzy"
    if not all(strings) or (len(ids) > 1 and len(strings) != plurals):
        yield "not translated"
        return
    wanted = fields(ids[-1])
    for string in strings:
        if not fields(string) <= wanted or (len(ids) == 1 and fields(string) != wanted):
            yield f"other placeholders in {string!r}"
        if (string[0].isspace(), string[-1].isspace()) != (ids[-1][0].isspace(), ids[-1][-1].isspace()):
            yield f"other spaces around {string!r}"


def fields(text: str) -> set[str]:
    """Names of the placeholders in a text: `{name}`, `%(name)s` and `%(name)d`."""
    try:
        braces = {name.split(":")[0] for _text, name, _spec, _conversion in Formatter().parse(text) if name}
    except ValueError:
        braces = set()
    return braces | set(_PERCENT_FIELD.findall(text))


def main() -> int:
    """Update all catalogues and say what is left for people to do."""
    update()
    left = [problem for package in PACKAGES for language in TRANSLATED for problem in problems(package, language)]
    print("\n".join(left) or "all texts are translated")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
