"""An edge box: `vigie-agent` installed alone from its wheel has the agent's commands and no hub code."""

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
IMPORT_ALL = """
import importlib, pkgutil, vigie_agent
names = [module.name for module in pkgutil.walk_packages(vigie_agent.__path__, "vigie_agent.")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
print(len(names))
"""


def uv() -> str:
    """The uv of ./dev, else the machine's."""
    private = REPOSITORY / ".vigie" / "uv" / "bin" / "uv"
    found = os.environ.get("UV") or shutil.which("uv") or (str(private) if private.is_file() else None)
    if found is None:
        pytest.skip("needs uv: run ./dev test")
    return found


def run(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run(command, cwd=cwd, env=kept | environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The wheels that an edge box gets."""
    folder = tmp_path_factory.mktemp("wheels")
    for package in ("vigie-shared", "vigie-agent"):
        done = run(uv(), "build", "--wheel", "--package", package, "--out-dir", folder, cwd=REPOSITORY)
        assert done.returncode == 0, done.stderr
    return sorted(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def edge(wheels: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of an environment with the agent's locked libraries (cached by ./dev) and the two wheels."""
    environment = tmp_path_factory.mktemp("edge") / "venv"
    locked = ("sync", "--frozen", "--package", "vigie-agent", "--extra", "litert", "--no-default-groups")
    where = {"UV_PROJECT_ENVIRONMENT": str(environment), "UV_PYTHON_DOWNLOADS": "never"}
    done = run(uv(), *locked, "--no-install-workspace", cwd=REPOSITORY, **where)
    assert done.returncode == 0, done.stderr
    python = environment / "bin" / "python"
    done = run(uv(), "pip", "install", "--offline", "--no-deps", "--python", python, *wheels, cwd=environment)
    assert done.returncode == 0, done.stderr
    return environment / "bin"


def test_a_wheel_holds_its_package_and_nothing_of_the_others(wheels: list[Path]) -> None:
    for wheel in wheels:
        package = wheel.name.split("-")[0]
        with zipfile.ZipFile(wheel) as archive:
            assert {name.split("/")[0].split("-")[0] for name in archive.namelist()} == {package}


def test_the_agents_wheel_holds_its_data(wheels: list[Path]) -> None:
    agent = next(wheel for wheel in wheels if wheel.name.startswith("vigie_agent"))
    with zipfile.ZipFile(agent) as archive:
        kinds = {Path(name).suffix for name in archive.namelist()}
    assert {".py", ".sql", ".tflite", ".ttf", ".mo", ".typed"} <= kinds


def test_the_command_lists_the_agent_and_not_the_hub(edge: Path) -> None:
    done = run(edge / "vigie", "--help", cwd=edge)
    listed = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")}
    assert (done.returncode, listed) == (0, {"agent", "bench"})


def test_a_command_of_the_hub_is_unknown_there(edge: Path) -> None:
    done = run(edge / "vigie", "hub", "run", cwd=edge)
    assert (done.returncode, done.stderr.splitlines()) == (2, ["vigie: no command “hub” here; installed: agent, bench"])


@pytest.mark.parametrize("module", ["vigie_hub", "fastapi", "sqlite_utils", "nats_server", "training"])
def test_code_of_the_hub_and_of_the_training_is_not_there(edge: Path, module: str) -> None:
    done = run(edge / "python", "-I", "-c", f"import {module}", cwd=edge)
    assert done.stderr.splitlines()[-1] == f"ModuleNotFoundError: No module named '{module}'"


def test_every_module_of_the_agent_can_be_imported_there(edge: Path) -> None:
    done = run(edge / "python", "-I", "-c", IMPORT_ALL, cwd=edge)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20
