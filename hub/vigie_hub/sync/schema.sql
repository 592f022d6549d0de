-- The hub's read model: what agents said, and what the hub made of it. WAL, synchronous=FULL, one writer.
-- Times are ISO 8601 in UTC with milliseconds and a trailing Z, so that they sort as text.

-- Agents known to the hub. `public_key` is null until enrolled: merely discovered.
CREATE TABLE agents (
    agent_id       TEXT PRIMARY KEY,
    public_key     TEXT UNIQUE,
    discovered_at  TEXT,              -- last seen by zeroconf: a hint, never trust
    discovered_key TEXT,              -- what the announcement claims
    enrolled_at    TEXT,
    last_seen_at   TEXT,              -- last heartbeat or batch
    lost_after_seconds REAL,          -- three heartbeat intervals, as the agent says
    epoch          TEXT,
    heartbeat      TEXT               -- the newest, JSON (vigie_shared.heartbeats.Heartbeat)
);

-- Every event, once. `id` orders what the page shows and is the SSE id.
CREATE TABLE events (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    agent_id    TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    lane        TEXT NOT NULL,
    seq         INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    camera_id   TEXT NOT NULL,
    at          TEXT NOT NULL,
    received_at TEXT NOT NULL,
    body        TEXT NOT NULL,        -- the event, JSON (vigie_shared.events.AnyEvent)
    UNIQUE (agent_id, epoch, lane, seq)
);
CREATE INDEX events_by_kind ON events (kind, id);

-- The highest contiguous sequence that is durable here; moves in the transaction that stores the events.
CREATE TABLE watermarks (
    agent_id TEXT NOT NULL,
    epoch    TEXT NOT NULL,
    lane     TEXT NOT NULL,
    seq      INTEGER NOT NULL,
    PRIMARY KEY (agent_id, epoch, lane)
) WITHOUT ROWID;

-- Sequences that an agent can no longer send: known to be missing, never silently skipped.
CREATE TABLE missing_ranges (
    agent_id  TEXT NOT NULL,
    epoch     TEXT NOT NULL,
    lane      TEXT NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq  INTEGER NOT NULL,
    noted_at  TEXT NOT NULL,
    PRIMARY KEY (agent_id, epoch, lane, first_seq)
) WITHOUT ROWID;

CREATE TABLE plate_reads (
    read_id    TEXT PRIMARY KEY,
    event_id   INTEGER NOT NULL REFERENCES events (id),
    agent_id   TEXT NOT NULL,
    camera_id  TEXT NOT NULL,
    motion_id  TEXT,
    at         TEXT NOT NULL,
    text       TEXT NOT NULL,
    confidence REAL NOT NULL,
    uncertain  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX plate_reads_by_text ON plate_reads (text, at);

CREATE TABLE clips (
    clip_id   TEXT PRIMARY KEY,
    event_id  INTEGER NOT NULL REFERENCES events (id),
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
CREATE INDEX clips_by_motion ON clips (motion_id);
CREATE INDEX clips_by_time ON clips (at);

-- Clips that were pulled and verified; the file lies in the archive under its digest.
CREATE TABLE archived_clips (
    clip_id      TEXT PRIMARY KEY REFERENCES clips (clip_id),
    sha256       TEXT NOT NULL,       -- of the bytes that arrived, equal to clips.sha256
    bytes        INTEGER NOT NULL,
    pulled_at    TEXT NOT NULL,
    pull_seconds REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE hotlist (
    entry_id   TEXT PRIMARY KEY,
    text       TEXT NOT NULL,         -- canonical plate
    reason     TEXT NOT NULL,
    added_at   TEXT NOT NULL,
    added_by   TEXT NOT NULL,
    removed_at TEXT
) WITHOUT ROWID;
CREATE INDEX hotlist_by_text ON hotlist (text) WHERE removed_at IS NULL;

-- A hit: one plate read against one entry, once. `crop` is fetched from the edge as soon as it answers.
CREATE TABLE alerts (
    alert_id   TEXT PRIMARY KEY,
    read_id    TEXT NOT NULL REFERENCES plate_reads (read_id),
    entry_id   TEXT NOT NULL REFERENCES hotlist (entry_id),
    agent_id   TEXT NOT NULL,
    camera_id  TEXT NOT NULL,
    at         TEXT NOT NULL,
    text       TEXT NOT NULL,
    crop       BLOB,                  -- JPEG
    UNIQUE (read_id, entry_id)
) WITHOUT ROWID;
CREATE INDEX alerts_by_time ON alerts (at);

CREATE TABLE users (
    name          TEXT PRIMARY KEY,
    password_hash TEXT NOT NULL,      -- scrypt, salted
    created_at    TEXT NOT NULL
) WITHOUT ROWID;

-- Who did what: log-ins, hotlist edits, pulls, views. Rows are only ever added.
CREATE TABLE audit (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    at     TEXT NOT NULL,
    user   TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL
);
