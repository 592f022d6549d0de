"""Visits to agents that owe an answer: sans network, the visit itself is the test's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from vigie_hub.fleet.visits import AwayError, Visits
from vigie_shared.errors import StoreError


class Errand:
    """Visits that end as the test says, each when it is let go."""

    def __init__(self, *ends: bool | Exception) -> None:
        self._ends = list(ends)
        self.visited: list[str] = []
        self.under_way = 0
        self.at_once_most = 0
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.changed = asyncio.Condition()

    async def visit(self, agent_id: str) -> bool:
        self.under_way += 1
        self.at_once_most = max(self.at_once_most, self.under_way)
        async with self.changed:
            self.visited.append(agent_id)
            self.changed.notify_all()
        await self.go_on.wait()
        self.under_way -= 1
        end = self._ends.pop(0) if self._ends else False
        if isinstance(end, Exception):
            raise end
        return end

    async def until_visited(self, count: int) -> None:
        async with asyncio.timeout(10), self.changed:
            await self.changed.wait_for(lambda: len(self.visited) >= count)


@asynccontextmanager
async def running(errand: Errand, at_once: int = 2) -> AsyncIterator[Visits]:
    visits = Visits("test", at_once, errand.visit)
    task = asyncio.create_task(visits.run())
    try:
        yield visits
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_agent_that_owes_nothing_is_not_visited() -> None:
    errand = Errand()
    async with running(errand) as visits:
        visits.alive("gate")
        visits.want("yard")
        await errand.until_visited(1)
        assert errand.visited == ["yard"]


async def test_agent_that_is_away_or_whose_answer_is_not_stored_is_asked_at_its_next_sign_of_life() -> None:
    for end in (AwayError("no answer"), StoreError("disk full")):
        errand = Errand(end)
        async with running(errand) as visits:
            visits.want("gate")
            await errand.until_visited(1)
            while not visits.idle:  # noqa: ASYNC110
                await asyncio.sleep(0)
            assert errand.visited == ["gate"]
            visits.alive("gate")
            await errand.until_visited(2)


async def test_agent_that_owes_more_than_one_visit_takes_is_visited_again() -> None:
    errand = Errand(True, True, False)
    async with running(errand) as visits:
        visits.want("gate")
        await errand.until_visited(3)


async def test_few_at_once_and_never_two_at_one_agent() -> None:
    errand = Errand()
    errand.go_on.clear()
    async with running(errand, at_once=2) as visits:
        for agent_id in ("gate", "gate", "yard", "dock"):
            visits.want(agent_id)
        await errand.until_visited(2)
        visits.want("gate")
        errand.go_on.set()
        await errand.until_visited(4)
        assert errand.at_once_most == 2
        assert sorted(errand.visited) == ["dock", "gate", "gate", "yard"]


async def test_agent_that_is_away_is_not_asked_again_because_it_is_known_to_owe() -> None:
    errand = Errand(AwayError("nobody there"))
    async with running(errand) as visits:
        visits.owes("gate")
        await errand.until_visited(1)
        await settled(visits)
        for _look in range(3):
            visits.owes("gate")
            assert visits.idle
        visits.alive("gate")
        await errand.until_visited(2)
        await settled(visits)
        visits.owes("gate")
        await errand.until_visited(3)


async def settled(visits: Visits) -> None:
    async with asyncio.timeout(10):
        while not visits.idle:  # noqa: ASYNC110
            await asyncio.sleep(0)
