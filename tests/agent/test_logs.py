"""Logs: no passwords, and one line per fault."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from structlog.testing import capture_logs

from vigie_agent.logs import FaultLog, configure, redact


@pytest.fixture
def logging_restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_credentials_of_an_address_never_reach_the_log() -> None:
    fields = redact(None, "info", {"source": "rtsp://root:p4ss@10.0.0.1/live", "mail": "a@b", "count": 3})
    assert fields == {"source": "rtsp://…@10.0.0.1/live", "mail": "a@b", "count": 3}


def test_off_a_terminal_a_line_is_json(logging_restored: None, capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", console=False)
    structlog.get_logger("vigie").warning("camera lost", source="rtsp://root:p4ss@cam/1")
    logging.getLogger("nats").info("chatter")
    logging.getLogger("nats").warning("at nats://user:p4ss@host")
    said = capsys.readouterr().err
    first, second = [json.loads(line) for line in said.splitlines()]
    assert (first["event"], first["level"], first["source"]) == ("camera lost", "warning", "rtsp://…@cam/1")
    assert second["event"] == "at nats://…@host"


def test_a_fault_is_said_once_and_once_more_when_it_is_over() -> None:
    with capture_logs() as lines:
        fault = FaultLog(structlog.get_logger())
        fault.clear("fine")
        fault.report("broken", reason="x")
        fault.report("broken", reason="x")
        fault.report("burning")
        fault.clear("fine")
        fault.report("broken")
    levels = [(line["log_level"], line["event"]) for line in lines]
    assert levels == [
        ("warning", "broken"),
        ("debug", "broken"),
        ("warning", "burning"),
        ("info", "fine"),
        ("warning", "broken"),
    ]
