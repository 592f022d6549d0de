"""Every text that a user sees exists in French and Arabic, whole, with the same placeholders, and compiled."""

from pathlib import Path

import pytest

from tests import catalogues
from vigie_shared.i18n import translations


@pytest.mark.parametrize("language", catalogues.TRANSLATED)
@pytest.mark.parametrize("package", catalogues.PACKAGES)
def test_a_catalogue_is_complete(package: str, language: str) -> None:
    assert list(catalogues.problems(package, language)) == []


def test_an_installed_catalogue_translates() -> None:
    assert translations("fr").gettext("undisturbed") == "sans perturbation"
    assert translations("ar").gettext("undisturbed") != "undisturbed"


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ('msgid "disk {name} is full"\nmsgstr ""', "not translated"),
        ('#, fuzzy\nmsgid "disk {name} is full"\nmsgstr "disque {name} plein"', "fuzzy"),
        ('msgid "disk {name} is full"\nmsgstr "disque {nom} plein"', "other placeholders"),
        ('msgid "disk {name} is full"\nmsgstr "disque {name} plein "', "other spaces"),
        ('msgid "other"\nmsgstr "autre"', "not in the catalogue"),
    ],
)
def test_each_fault_of_a_translation_is_found(
    entry: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "shared" / "vigie_shared"
    catalogue = package / "locale" / "fr" / "LC_MESSAGES" / "vigie_shared.po"
    catalogue.parent.mkdir(parents=True)
    (package / "disk.py").write_text('_("disk {name} is full")')
    catalogue.write_text(f'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n\n{entry}\n')
    monkeypatch.setattr(catalogues, "REPOSITORY", tmp_path)
    catalogue.with_suffix(".mo").write_bytes(catalogues.compiled("vigie_shared", "fr"))
    found = list(catalogues.problems("vigie_shared", "fr"))
    assert len(found) == 1
    assert fault in found[0]


def test_a_catalogue_that_was_not_compiled_again_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shared" / "vigie_shared").mkdir(parents=True)
    monkeypatch.setattr(catalogues, "REPOSITORY", tmp_path)
    assert list(catalogues.problems("vigie_shared", "fr")) == ["vigie_shared (fr): the compiled catalogue is stale"]
