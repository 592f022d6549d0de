"""Stores reads and indexes them for ever, to be killed at it; says how many reads are durable."""

import sys
from itertools import count
from pathlib import Path

from tests.hub.agents import NOON, batch, new_key, plate_read
from vigie_hub.database import Database
from vigie_hub.fleet.enrolment import enrol, public_key_of
from vigie_hub.sync.lanes import watermarks_of
from vigie_hub.sync.projector import project
from vigie_hub.sync.reads import index_some


def main() -> None:
    reads = [plate_read(f"{number}|أ|6") for number in range(256)]
    epoch = batch(reads).epoch
    with Database(Path(sys.argv[1])) as database:
        if not database.read_now(lambda connection: public_key_of(connection, "gate-1")):
            database.write_now(lambda connection: enrol(connection, "gate-1", new_key().public_key, NOON, "test"))
        start = database.read_now(lambda connection: watermarks_of(connection, "gate-1", epoch)).get("lpr", 0)
        for number in count(1):
            told = batch(reads, start + 256 * (number - 1) + 1)
            database.write_now(lambda connection, b=told: project(connection, b, NOON))  # type: ignore[misc]
            print(start + 256 * number, flush=True)
            if not number % 4:
                database.write_now(index_some)


if __name__ == "__main__":
    main()
