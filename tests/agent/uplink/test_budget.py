"""The budget in an event loop: turns are given, taken back, remembered."""

import asyncio
import json
from pathlib import Path

import pytest

from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.uplink.link_file import NAME, LinkFile
from vigie_agent.uplink.link_settings import LinkSettings
from vigie_shared.clock import SystemClock
from vigie_shared.link import Priority

SLOW = LinkSettings(rate_kbps=800)


async def test_turns_come_in_order_and_at_the_rate() -> None:
    budget, order = LinkBudget(SLOW), []
    clock = SystemClock()
    began = clock.monotonic_seconds()

    async def send(priority: Priority) -> None:
        await budget.take(priority, 8_000)
        order.append(priority)

    async with asyncio.TaskGroup() as tasks:
        budget.spend(20_000)
        for priority in ("bulk", "read", "hit"):
            tasks.create_task(send(priority))
    assert order == ["hit", "read", "bulk"]
    assert clock.monotonic_seconds() - began >= 24_000 / 100_000


async def test_a_turn_that_is_no_longer_wanted_goes_to_the_next() -> None:
    budget = LinkBudget(SLOW)
    budget.spend(30_000)
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(budget.take("hit", 20_000))
        second = tasks.create_task(budget.take("read", 1_000))
        await asyncio.sleep(0)
        first.cancel()
        await second
    assert first.cancelled()


async def test_what_is_on_its_way_holds_back_what_follows_until_it_lands() -> None:
    budget = LinkBudget(SLOW)
    first = await budget.launch("clip", 99_000)
    waiting = asyncio.ensure_future(budget.launch("clip", 99_000))
    await asyncio.sleep(0)
    assert not waiting.done()
    budget.land(first)
    second = await waiting
    budget.lose(second)
    assert budget.report().in_flight_bytes == 0


async def test_used_bytes_outlive_the_process(tmp_path: Path) -> None:
    settings = LinkSettings(quota_mb_per_day=1)
    budget = await asyncio.to_thread(lambda: LinkBudget(settings, file=LinkFile(tmp_path)))
    keeping = asyncio.ensure_future(budget.run())
    await budget.take("hit", 990_000)
    assert not budget.may_leave("motion")
    await asyncio.sleep(0)
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping
    again = await asyncio.to_thread(lambda: LinkBudget(settings, file=LinkFile(tmp_path)))
    assert not again.may_leave("motion")
    assert again.may_leave("read")
    assert again.report().sent_today_bytes == 990_000


async def test_the_report_names_what_waits() -> None:
    budget = LinkBudget(LinkSettings(kind="lte", rate_kbps=64))
    with budget.queue("clip", "0123456789abcdef012345") as clip, budget.queue("bulk") as bulk:
        clip.bytes, bulk.bytes = 78_400, 10**9
        report = budget.report()
    assert [(one.priority, one.waits_for) for one in report.queue] == [("clip", None), ("bulk", "metered")]
    assert report.queue[0].eta_seconds == 10
    assert report.queue[0].items[0].label == "0123456789abcdef012345"
    assert (report.kind, report.cap_kbps, report.pace_kbps) == ("lte", 64, 62.7)
    assert budget.report().queue == ()


def test_a_file_that_cannot_be_read_is_one_line_and_counting_starts_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / NAME).write_text("{")
    assert LinkFile(tmp_path).load().used == {}
    assert capsys.readouterr().out.count("cannot read what the link used") == 1


def test_a_disk_that_refuses_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = LinkFile(tmp_path / "gone")
    state = LinkFile(tmp_path).load()
    file.save(state)
    file.save(state)
    assert capsys.readouterr().out.count("[warning") == 1
    LinkFile(tmp_path).save(state)
    assert json.loads((tmp_path / NAME).read_text())["used"] == {}
