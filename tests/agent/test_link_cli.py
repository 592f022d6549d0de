"""`vigie agent link status` says what the agent left in its data folder."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from vigie_agent import link_cli
from vigie_agent.cli import main
from vigie_agent.uplink.link_file import LinkFile, LinkState
from vigie_shared.errors import CommandError
from vigie_shared.link import LinkReport, QueuedItem, QueueReport

QUEUE = (
    QueueReport(priority="read", bytes=12_400_000, eta_seconds=1_580),
    QueueReport(
        priority="clip",
        bytes=10**10,
        eta_seconds=400_000,
        waits_for="quota",
        items=(QueuedItem(label="0123456789abcdef012345", bytes=10**10, eta_seconds=400_000),),
    ),
    QueueReport(priority="bulk", bytes=999, eta_seconds=None, waits_for="metered"),
)


def report(**changed: object) -> LinkReport:
    plain = LinkReport(
        at=datetime.now(UTC),
        kind="lte",
        connected=True,
        pace_kbps=62.7,
        measured_kbps=61.2,
        cap_kbps=64,
        round_trip_ms=81,
        in_flight_bytes=3_100,
        sent_today_bytes=2_500_000,
        quota_bytes=300_000_000,
        queue=QUEUE,
    )
    return plain.model_copy(update=changed)


def settings(folder: Path) -> str:
    file = folder / "agent.toml"
    file.write_text(f'agent_id = "gate"\ndata_dir = "{folder}"\n', encoding="utf-8")
    return str(file)


def test_everything_is_said_in_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    LinkFile(tmp_path).save(LinkState(report=report()))
    assert main(["link", "status", "--settings", settings(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "lte: connected",
        "measured 61 kbit/s, cap 64 kbit/s, sends at 63 kbit/s, 3.1 kB on their way",
        "sent today (UTC): 2.5 MB of 300.0 MB",
        "read: 12.4 MB, gone in 26 min",
        "clip: 10.0 GB, gone in 4.6 days (today's quota is used up)",
        "bulk: 999 B, never over this link (not over a metered link)",
        "    0123456789abcdef012345: 10.0 GB, gone in 4.6 days",
    ]


def test_a_script_gets_the_report_and_its_age(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    LinkFile(tmp_path).save(LinkState(report=report()))
    assert main(["link", "status", "--json", "--settings", settings(tmp_path)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert 0 <= said.pop("age_seconds") < 45
    assert LinkReport.model_validate(said).queue == QUEUE


def test_what_an_agent_left_behind_is_told_as_old() -> None:
    plain = report(queue=(), quota_bytes=None, measured_kbps=None, cap_kbps=None, pace_kbps=None)
    assert link_cli.text(plain, 7_200).splitlines() == [
        "lte: as it was 2.0 h ago; the agent does not run",
        "nothing measured yet, no cap, as fast as it goes, 3.1 kB on their way",
        "sent today (UTC): 2.5 MB; no quota",
        "nothing waits",
    ]


def test_a_box_that_never_had_a_hub_says_so(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="nothing is known of its link"):
        main(["link", "status", "--settings", settings(tmp_path)])
