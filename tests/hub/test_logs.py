import json
import logging
import subprocess
import sys

SCRIPT = """
import logging
import structlog
from vigie_hub import logs

logs.configure()
structlog.get_logger("vigie_hub.test").info("agent_state", agent_id="gate-1")
logging.getLogger("aiortc").info("chatter")
logging.getLogger("aiortc").warning("trouble")
"""


def test_lines_are_json_where_nobody_watches_and_libraries_are_quiet() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.stdout == ""
    assert [line["event"] for line in lines] == ["agent_state", "trouble"]
    assert lines[0]["agent_id"] == "gate-1"
    assert lines[0]["level"] == logging.getLevelName(logging.INFO).lower()
    assert lines[0]["timestamp"].endswith("Z")
