"""The read model's schema, version by version; `PRAGMA user_version` says which one a file has."""

import sqlite3
from collections.abc import Callable, Iterator
from importlib import resources
from typing import Final

import sqlite_utils

from vigie_hub.sync import __name__ as _package
from vigie_hub.sync.rebatching import rebatch
from vigie_shared.errors import StoreError
from vigie_shared.i18n import gettext as _

Migration = Callable[[sqlite_utils.Database], None]


def _statements(script: str) -> Iterator[str]:
    """Each statement of `script`, so that all can run in one transaction (`executescript` would commit it)."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""


def _first(database: sqlite_utils.Database) -> None:
    script = (resources.files(_package) / "schema.sql").read_text(encoding="utf-8")
    for statement in _statements(script):
        database.execute(statement)


def _enrolment(database: sqlite_utils.Database) -> None:
    """Codes that count once, keys that count no more, and links that are known to be up or down."""
    database.execute("ALTER TABLE agents ADD COLUMN revoked_at TEXT")
    database.execute("ALTER TABLE agents ADD COLUMN link TEXT")
    database.execute(
        "CREATE TABLE enrolment_codes ("
        " agent_id TEXT PRIMARY KEY, secret_sha256 BLOB NOT NULL, made_at TEXT NOT NULL, expires_at TEXT NOT NULL)"
    )
    database.execute("CREATE TABLE revocations (public_key TEXT PRIMARY KEY, at_seconds INTEGER NOT NULL)")


def _hotlists(database: sqlite_utils.Database) -> None:
    """Several lists, their signed versions, and what a hit tells of itself."""
    script = (resources.files("vigie_hub.hotlists") / "schema.sql").read_text(encoding="utf-8")
    for statement in _statements(script):
        database.execute(statement)


def _batches(database: sqlite_utils.Database) -> None:
    """Events in batches, as they came; what an agent sent and nobody could read."""
    _run(database, "schema_batches.sql")
    rebatch(database.conn)
    _run(database, "schema_batches_end.sql")


def _run(database: sqlite_utils.Database, name: str) -> None:
    for statement in _statements((resources.files(_package) / name).read_text(encoding="utf-8")):
        database.execute(statement)


_EDGE_HOLDS = """
CREATE TABLE edge_holds (              -- clips that are to stay at the edge, whatever its retention says
    clip_id  TEXT NOT NULL REFERENCES clips (clip_id),
    kind     TEXT NOT NULL,            -- pin, legal
    wanted   INTEGER NOT NULL,
    reason   TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    asked_at TEXT NOT NULL,
    answer   TEXT,                     -- done, refused; null until the agent has answered
    detail   TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (clip_id, kind)
) WITHOUT ROWID
"""


def _edge_holds(database: sqlite_utils.Database) -> None:
    database.execute(_EDGE_HOLDS)
    database.execute("CREATE INDEX edge_holds_open ON edge_holds (clip_id) WHERE answer IS NULL")
    database.execute("CREATE INDEX clips_by_agent ON clips (agent_id, at, bytes)")


def _tickets(database: sqlite_utils.Database) -> None:
    """Leave to look at live video and at clips, and what came of it."""
    for statement in _statements((resources.files("vigie_hub.tickets") / "schema.sql").read_text(encoding="utf-8")):
        database.execute(statement)


_PULLS = """
CREATE TABLE pulls (                   -- clips that are wanted here and are not here yet
    clip_id   TEXT PRIMARY KEY,
    priority  TEXT NOT NULL,           -- clip, evidence, bulk
    asked_at  TEXT NOT NULL,
    failed_at TEXT,                    -- null while it waits or runs
    detail    TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID
"""


def _pulls(database: sqlite_utils.Database) -> None:
    database.execute(_PULLS)


def _reads(database: sqlite_utils.Database) -> None:
    """Reads in one tree, in the order in which they are searched for; alerts that know their read."""
    database.conn.create_function("unhex", 1, bytes.fromhex, deterministic=True)  # SQLite has it from 3.41 on
    _run(database, "schema_reads.sql")


def _suspensions(database: sqlite_utils.Database) -> None:
    """Agents that are kept out for a while, because they flooded the bus."""
    database.execute(
        "CREATE TABLE suspensions ("
        " public_key TEXT PRIMARY KEY, agent_id TEXT NOT NULL, at_seconds INTEGER NOT NULL,"
        " until_seconds INTEGER NOT NULL, strikes INTEGER NOT NULL, reason TEXT NOT NULL)"
    )


def _reports(database: sqlite_utils.Database) -> None:
    """What heartbeats say of lanes, where completeness finds it without reading them."""
    _run(database, "schema_reports.sql")


def _read_index(database: sqlite_utils.Database) -> None:
    """Reads come in as runs, and go into a tree of what they are searched by alone."""
    _run(database, "schema_read_index.sql")


def _rungs(database: sqlite_utils.Database) -> None:
    """Wishes for less than the whole clip, in order, and what agents signed of clips that are here in part."""
    database.execute("ALTER TABLE pulls RENAME COLUMN failed_at TO ended_at")
    database.execute("ALTER TABLE pulls ADD COLUMN outcome TEXT")  # failed, stopped, partial; null while it waits
    database.execute("UPDATE pulls SET outcome = 'failed' WHERE ended_at IS NOT NULL")
    database.execute("ALTER TABLE pulls ADD COLUMN qualities TEXT NOT NULL DEFAULT 'original'")
    for column in ("manifest", "keyframes", "sub_stream"):
        database.execute(f"ALTER TABLE pulls ADD COLUMN {column} TEXT")


def _editions(database: sqlite_utils.Database) -> None:
    """Who is known, and since when: the census looks each second, and need not read all heartbeats for it."""
    database.execute("CREATE INDEX agents_known ON agents (enrolled_at, discovered_at, revoked_at, public_key)")


MIGRATIONS: Final[tuple[Migration, ...]] = (
    _first,
    _enrolment,
    _hotlists,
    _batches,
    _edge_holds,
    _tickets,
    _pulls,
    _reads,
    _suspensions,
    _reports,
    _read_index,
    _rungs,
    _editions,
)
"""Migration n makes version n + 1 out of version n."""
SCHEMA_VERSION: Final = len(MIGRATIONS)


def schema_version(connection: sqlite3.Connection) -> int:
    """The version of the schema that the file has; 0 where it has none."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def check_version(path: object, found: int) -> None:
    """Raise StoreError where a newer Vigie wrote the file."""
    if found > SCHEMA_VERSION:
        raise StoreError(
            _("{path}: written by a newer Vigie (schema {found}, this one knows {known}); update the hub").format(
                path=path, found=found, known=SCHEMA_VERSION
            )
        )


def migrate(connection: sqlite3.Connection, path: object) -> None:
    """Bring the file to `SCHEMA_VERSION` in one transaction; another process may be doing the same."""
    check_version(path, schema_version(connection))
    database = sqlite_utils.Database(connection, execute_plugins=False)
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = schema_version(connection)
        for migration in MIGRATIONS[found:]:
            migration(database)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
