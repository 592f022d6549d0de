from pathlib import Path

from tests.hub.site import open_site
from vigie_hub.fleet.enrolment import revoke
from vigie_hub.fleet.suspensions import FIRST_SECONDS, FORGET_SECONDS, refusals, suspend, suspensions


async def test_each_suspension_soon_after_another_is_twice_as_long(tmp_path: Path) -> None:
    async with open_site(tmp_path, "rogue") as site:
        lengths = []
        for _time in range(3):
            now = site.clock.now()
            made = await site.database.write(lambda connection: suspend(connection, "rogue", "", now))  # noqa: B023
            assert made is not None
            assert await site.database.write(lambda connection: suspend(connection, "rogue", "", now)) is None  # noqa: B023
            lengths.append(made.until_seconds - made.at_seconds)
            site.clock.move(lengths[-1])
        assert lengths == [FIRST_SECONDS, 2 * FIRST_SECONDS, 4 * FIRST_SECONDS]


async def test_a_day_of_peace_is_forgiven(tmp_path: Path) -> None:
    async with open_site(tmp_path, "rogue") as site:
        for _time in range(2):
            now = site.clock.now()
            made = await site.database.write(lambda connection: suspend(connection, "rogue", "", now))  # noqa: B023
            assert made is not None
            assert made.until_seconds - made.at_seconds == FIRST_SECONDS
            site.clock.move(FIRST_SECONDS + FORGET_SECONDS)


async def test_who_is_kept_out_for_now_and_who_is_revoked_are_refused_alike(tmp_path: Path) -> None:
    async with open_site(tmp_path, "loud", "gone", "good") as site:
        loud, gone, _good = (agent.key.public_key for agent in site.agents)
        now = site.clock.now()
        await site.database.write(lambda connection: suspend(connection, "loud", "", now))
        await site.database.write(lambda connection: revoke(connection, "gone", now, "amal"))
        at = int(now.timestamp())
        assert await site.database.read(lambda connection: refusals(connection, now)) == {loud: at, gone: at}
        site.clock.move(FIRST_SECONDS)
        later = site.clock.now()
        assert await site.database.read(lambda connection: refusals(connection, later)) == {gone: at}


async def test_an_agent_that_is_revoked_meanwhile_is_suspended_no_more(tmp_path: Path) -> None:
    async with open_site(tmp_path, "rogue") as site:
        now = site.clock.now()
        await site.database.write(lambda connection: suspend(connection, "rogue", "", now))
        await site.database.write(lambda connection: revoke(connection, "rogue", now, "amal"))
        assert await site.database.read(lambda connection: suspensions(connection, now)) == []
        assert await site.database.write(lambda connection: suspend(connection, "rogue", "", now)) is None
