-- The agent's store: what was seen, what is kept, what the hub has. WAL, synchronous=FULL, one writer (docs/design/clip-store.md).
-- Times are ISO 8601 in UTC with milliseconds and a trailing Z, so that they sort as text.

-- One row: who wrote this database. `epoch` is drawn with it; another one begins where it was restored from a copy.
CREATE TABLE meta (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    epoch      TEXT NOT NULL,
    agent_id   TEXT NOT NULL,
    created_at TEXT NOT NULL,
    alive_at   TEXT                   -- the agent surely watched until then; null before its first round
);

CREATE TABLE events (
    event_id  INTEGER PRIMARY KEY,
    kind      TEXT NOT NULL,
    camera_id TEXT NOT NULL,
    at        TEXT NOT NULL,
    body      TEXT NOT NULL           -- the event, JSON (vigie_shared.events.AnyEvent)
);
CREATE INDEX events_by_kind ON events (kind);

-- The newest sequence of each lane; it outlives the rows, so that none is used twice.
CREATE TABLE lanes (
    lane   TEXT PRIMARY KEY,
    newest INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- What the hub is to hear, in order; rows stay for a while after the receipt, for a hub that must ask again.
-- Those that it has of an epoch before this one have places up to 0.
CREATE TABLE outbox (
    lane     TEXT NOT NULL REFERENCES lanes (lane),
    seq      INTEGER NOT NULL,
    event_id INTEGER NOT NULL UNIQUE REFERENCES events (event_id),
    PRIMARY KEY (lane, seq)
) WITHOUT ROWID;

-- The hub's signed word: everything up to `seq` is durable there.
CREATE TABLE receipts (
    lane        TEXT PRIMARY KEY REFERENCES lanes (lane),
    seq         INTEGER NOT NULL,
    received_at TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE clips (
    clip_id      TEXT PRIMARY KEY,
    camera_id    TEXT NOT NULL,
    at           TEXT NOT NULL,        -- first frame, pre-roll included
    ended_at     TEXT NOT NULL,
    seq          INTEGER NOT NULL,     -- of its clip_stored event in lane clip
    bytes        INTEGER NOT NULL,
    sha256       TEXT NOT NULL,        -- of all segments, joined
    block_sha256 BLOB NOT NULL,        -- 32 bytes a block of vigie_shared.transfer.block_bytes_for(bytes)
    removed_at   TEXT                  -- null: its segments are here
) WITHOUT ROWID;
CREATE INDEX clips_kept_by_time ON clips (at, bytes) WHERE removed_at IS NULL;
CREATE INDEX clips_by_seq ON clips (seq);

-- A clip's bytes: the init segment (index 0), then one fragment a GOP.
CREATE TABLE segments (
    segment_id INTEGER PRIMARY KEY,
    clip_id    TEXT NOT NULL REFERENCES clips (clip_id),
    idx        INTEGER NOT NULL,
    first_byte INTEGER NOT NULL,       -- its place in the clip
    size       INTEGER NOT NULL,
    bytes      BLOB NOT NULL,
    UNIQUE (clip_id, idx)
);

-- Which state a clip reached, and when.
CREATE TABLE ledger (
    clip_id TEXT NOT NULL REFERENCES clips (clip_id),
    state   TEXT NOT NULL CHECK (state IN (
        'recorded', 'hashed', 'indexed', 'acknowledged', 'pulled', 'verified', 'expirable', 'expired', 'overwritten')),
    at      TEXT NOT NULL,
    PRIMARY KEY (clip_id, state)
) WITHOUT ROWID;

-- Pictures of plates, JPEG, kept until the hub asks.
CREATE TABLE crops (
    read_id TEXT PRIMARY KEY,
    at      TEXT NOT NULL,
    jpeg    BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX crops_by_time ON crops (at);

INSERT INTO lanes (lane) VALUES ('hlt'), ('lpr'), ('mot'), ('clip');
