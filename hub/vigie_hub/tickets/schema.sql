-- Leave to look once, for a purpose. The secret itself is kept nowhere but with whoever it was given to.
CREATE TABLE tickets (
    ticket_id     TEXT PRIMARY KEY,
    secret_sha256 BLOB NOT NULL UNIQUE,
    user          TEXT NOT NULL,
    target        TEXT NOT NULL,       -- camera:AGENT/CAMERA or clip:CLIP
    purpose       TEXT NOT NULL,
    made_at       TEXT NOT NULL,
    expires_at    TEXT NOT NULL,
    used_at       TEXT
) WITHOUT ROWID;

-- What came of it: who looked at what, why, when and for how long.
CREATE TABLE viewings (
    viewing_id TEXT PRIMARY KEY,
    ticket_id  TEXT NOT NULL REFERENCES tickets (ticket_id),
    began_at   TEXT NOT NULL,
    ended_at   TEXT,                   -- null while it goes on
    seconds    REAL NOT NULL DEFAULT 0 -- with pictures
) WITHOUT ROWID;
CREATE INDEX viewings_by_ticket ON viewings (ticket_id);
CREATE INDEX viewings_open ON viewings (began_at) WHERE ended_at IS NULL;
