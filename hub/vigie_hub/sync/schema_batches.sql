-- Batches as they came, one row for all their events (sync/stored.py). `id` ascends by arrival.
CREATE TABLE batches (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    agent_id    TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    lane        TEXT NOT NULL,
    first_seq   INTEGER NOT NULL,     -- of the first event that this row stands for
    skip        INTEGER NOT NULL,     -- events of the payload before it: another row stands for them
    count       INTEGER NOT NULL,
    kinds       TEXT NOT NULL,        -- kinds of events in the payload, with commas between
    received_at TEXT NOT NULL,
    payload     BLOB NOT NULL         -- vigie_shared.batches, version 1 or 2
);
CREATE UNIQUE INDEX batches_by_seq ON batches (agent_id, epoch, lane, first_seq);
CREATE INDEX batches_by_lane ON batches (lane, id);

-- Batches that can never be taken; the events that they claim to hold are in missing_ranges.
CREATE TABLE dead_letters (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    agent_id    TEXT NOT NULL,
    subject     TEXT NOT NULL,
    epoch       TEXT,
    first_seq   INTEGER,              -- null where it cannot be told
    last_seq    INTEGER,
    reason      TEXT NOT NULL,
    received_at TEXT NOT NULL,
    payload     BLOB NOT NULL         -- the first 64 kB
);

-- Reads and clips no longer refer to rows of events, but to the ids of events in batches.
CREATE TABLE new_reads (
    event_id   INTEGER PRIMARY KEY,
    agent_id   TEXT NOT NULL,
    read_id    TEXT NOT NULL,
    camera_id  TEXT NOT NULL,
    motion_id  TEXT,
    at         TEXT NOT NULL,
    text       TEXT NOT NULL,
    confidence REAL NOT NULL,
    uncertain  INTEGER NOT NULL
);
CREATE TABLE new_clips (
    clip_id   TEXT PRIMARY KEY,
    event_id  INTEGER NOT NULL,
    agent_id  TEXT NOT NULL,
    camera_id TEXT NOT NULL,
    motion_id TEXT,
    at        TEXT NOT NULL,
    ended_at  TEXT NOT NULL,
    bytes     INTEGER NOT NULL,
    sha256    TEXT NOT NULL,
    codec     TEXT NOT NULL,
    width_px  INTEGER NOT NULL,
    height_px INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TEMP TABLE moved (old_id INTEGER PRIMARY KEY, new_id INTEGER NOT NULL);
