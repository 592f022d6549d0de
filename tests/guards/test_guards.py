"""Each guard fires on the wrong thing, names it, and lets the right thing pass: under the real configuration."""

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

LEAKS = Path(__file__).with_name("leaks.py")
CAUGHT = {
    "test_loop_blocked": "event loop was blocked by time.sleep",
    "test_loop_blocked_and_error_swallowed": "event loop was blocked by time.sleep",
    "test_thread_left": "threads left running: stray",
    "test_task_left": "tasks left running: _never",
    "test_task_left_by_asyncio_run": "tasks left running: _never",
    "test_file_left": "descriptors left open: .*leaks.py",
    "test_socket_left": "descriptors left open: socket:",
    "test_pipe_left": "descriptors left open: pipe:",
    "test_warning": "DeprecationWarning: old",
    "test_environment_changed": "environment left changed: VIGIE_HUB__DATA_DIR",
}


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What pytest says of each test in `leaks.py`; nothing where it passed."""
    report = tmp_path_factory.mktemp("guards") / "report.xml"
    subprocess.run(
        [sys.executable, "-m", "pytest", str(LEAKS), f"--junitxml={report}", "-p", "no:cacheprovider"],
        cwd=LEAKS.parents[2],
        env={**os.environ, "VIGIE_AGENT__AGENT_ID": "someone-elses", "VIGIE_LANGUAGE": "fr"},
        capture_output=True,
        check=False,
    )
    verdicts: dict[str, str] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        texts = [f"{mark.get('message', '')}\n{mark.text or ''}" for mark in case]
        verdicts[case.attrib["name"]] = verdicts.get(case.attrib["name"], "") + "\n".join(texts)
    return verdicts


@pytest.mark.parametrize("leak", CAUGHT)
def test_a_wrong_thing_fails_its_test_and_is_named(verdicts: dict[str, str], leak: str) -> None:
    assert re.search(CAUGHT[leak], verdicts[leak])


def test_all_else_passes(verdicts: dict[str, str]) -> None:
    assert {name: text for name, text in verdicts.items() if name not in CAUGHT and text} == {}
    assert len([name for name in verdicts if name.startswith("test_fine_")]) == len(verdicts) - len(CAUGHT)
