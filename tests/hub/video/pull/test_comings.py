import asyncio

from vigie_hub.video.pull.comings import Comings


async def test_whoever_waits_for_an_agent_hears_that_it_is_back_and_nobody_else_does() -> None:
    comings = Comings()
    async with asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(comings.wait(agent_id, 60)) for agent_id in ("gate", "gate", "yard")]
        while len(comings._waiting) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0)
        comings.came("gate")
        await asyncio.wait(waiting[:2])
        assert not waiting[2].done()
        comings.came("yard")
    assert not comings._waiting


async def test_nobody_waits_longer_than_said() -> None:
    comings = Comings()
    async with asyncio.timeout(5):
        await comings.wait("gate", 0.01)
    comings.came("gate")
    assert not comings._waiting
