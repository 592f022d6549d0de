from pathlib import Path

from tests.hub.site import open_site
from vigie_hub.fleet.enrolment import revoke
from vigie_hub.fleet.suspensions import FIRST_SECONDS, FORGET_SECONDS, suspend, suspensions


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


async def test_a_suspension_ends_by_itself(tmp_path: Path) -> None:
    async with open_site(tmp_path, "loud", "good") as site:
        now = site.clock.now()
        await site.database.write(lambda connection: suspend(connection, "loud", "", now))
        kept_out = await site.database.read(lambda connection: suspensions(connection, now))
        assert [(one.agent_id, one.public_key) for one in kept_out] == [("loud", site.agents[0].key.public_key)]
        site.clock.move(FIRST_SECONDS)
        later = site.clock.now()
        assert await site.database.read(lambda connection: suspensions(connection, later)) == []


async def test_an_agent_that_is_revoked_meanwhile_is_suspended_no_more(tmp_path: Path) -> None:
    async with open_site(tmp_path, "rogue") as site:
        now = site.clock.now()
        await site.database.write(lambda connection: suspend(connection, "rogue", "", now))
        await site.database.write(lambda connection: revoke(connection, "rogue", now, "amal"))
        assert await site.database.read(lambda connection: suspensions(connection, now)) == []
        assert await site.database.write(lambda connection: suspend(connection, "rogue", "", now)) is None
