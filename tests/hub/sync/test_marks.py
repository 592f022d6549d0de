"""What the hub says of single places in an agent's lane."""

import json
from pathlib import Path

from tests.hub.agents import EPOCH, NOON, batch, motion
from vigie_hub.database import Database
from vigie_hub.sync.marks import marks_of
from vigie_hub.sync.projector import project
from vigie_shared.marks import MARKS_MAX, mark


async def test_marks_are_those_of_what_is_here_and_none_for_what_is_not(tmp_path: Path) -> None:
    events = [motion() for _ in range(6)]
    own = [mark(json.loads(event.model_dump_json())) for event in events]
    async with Database(tmp_path / "hub.db") as database:
        for first in (1, 5):  # 4 is in none
            sent = batch(events[first - 1 : first + 2], first, lane="mot")
            await database.write(lambda connection, one=sent: project(connection, one, NOON))  # type: ignore[misc]
        places = {"mot": [3, 4, 5, 6, 7, 1, 99], "lpr": [1]}
        found = await database.read(lambda connection: marks_of(connection, "gate-1", EPOCH, places))  # type: ignore[arg-type]
        assert found == {"mot": (own[2], None, own[4], own[5], None, own[0], None), "lpr": (None,)}
        many = await database.read(lambda connection: marks_of(connection, "gate-1", EPOCH, {"mot": range(1000)}))
        assert len(many["mot"]) == MARKS_MAX
