"""The one command: it lists what is installed, hands over, and shows errors as one line."""

from importlib.metadata import EntryPoint, version

import pytest

from vigie_shared import cli
from vigie_shared.errors import SettingsError


def worked(arguments: list[str]) -> int:
    print("worked on", *arguments)
    return 3


def failed(arguments: list[str]) -> int:
    raise SettingsError("hub.toml: no setting “colour”; remove it")


def interrupted(arguments: list[str]) -> int:
    raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three sub-commands, as distributions would bring them."""
    points = [EntryPoint(name, f"{__name__}:{name}", "vigie.commands") for name in ("worked", "failed", "interrupted")]
    monkeypatch.setattr(cli, "entry_points", lambda *, group: points)


def test_a_command_gets_the_arguments_after_its_name_and_gives_the_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["worked", "--json", "x"]) == 3
    assert capsys.readouterr().out == "worked on --json x\n"


def test_an_error_an_operator_can_mend_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["failed"]) == 1
    assert capsys.readouterr() == ("", "vigie failed: hub.toml: no setting “colour”; remove it\n")


def test_an_interrupt_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["interrupted"]) == 130
    assert capsys.readouterr() == ("", "")


def test_an_unknown_command_names_the_installed_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["hub"]) == 2
    assert capsys.readouterr().err == "vigie: no command “hub” here; installed: failed, interrupted, worked\n"


@pytest.mark.parametrize(("arguments", "status"), [([], 2), (["--help"], 0)])
def test_without_a_command_the_installed_ones_are_listed(
    arguments: list[str], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == status
    listed = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert listed[-3:] == ["failed", "interrupted", "worked"]


def test_it_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"vigie {version('vigie-shared')}\n"
