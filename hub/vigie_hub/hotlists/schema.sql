-- Lists, the terms of their entries, what was published of them, and what a hit tells (docs/design/hotlists.md).

-- `change` is the newest change number of the list's entries; `told_change` the newest that `version` tells of.
CREATE TABLE hotlists (
    list_id          TEXT PRIMARY KEY,
    check_only_hours REAL NOT NULL DEFAULT 24,
    change           INTEGER NOT NULL DEFAULT 0,
    told_change      INTEGER NOT NULL DEFAULT 0,
    version          INTEGER NOT NULL DEFAULT 0,  -- 0: never published
    issued_at        TEXT
) WITHOUT ROWID;
INSERT INTO hotlists (list_id, change) VALUES ('main', 1);

ALTER TABLE hotlist ADD COLUMN list_id TEXT NOT NULL DEFAULT 'main';
ALTER TABLE hotlist ADD COLUMN rules TEXT NOT NULL DEFAULT '[]';     -- JSON: what counts beside an exact match
ALTER TABLE hotlist ADD COLUMN category TEXT NOT NULL DEFAULT '';
ALTER TABLE hotlist ADD COLUMN severity INTEGER NOT NULL DEFAULT 0;
ALTER TABLE hotlist ADD COLUMN valid_from TEXT;
ALTER TABLE hotlist ADD COLUMN valid_until TEXT;
ALTER TABLE hotlist ADD COLUMN removed_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE hotlist ADD COLUMN change INTEGER NOT NULL DEFAULT 1;
CREATE INDEX hotlist_by_change ON hotlist (list_id, change);

-- Signed values of bucket HL, written here first; `put_at` is null until the bucket has them.
CREATE TABLE hotlist_values (
    key     TEXT PRIMARY KEY,
    list_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    place   INTEGER NOT NULL,                     -- 0 chunk, 1 delta, 2 head, 3 catalog: the order in which they go
    data    BLOB NOT NULL,
    put_at  TEXT
);
CREATE INDEX hotlist_values_waiting ON hotlist_values (place, version) WHERE put_at IS NULL;

ALTER TABLE alerts ADD COLUMN rule TEXT NOT NULL DEFAULT 'exact';
ALTER TABLE alerts ADD COLUMN check_only INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alerts ADD COLUMN retro INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alerts ADD COLUMN list_version INTEGER;                  -- null: the hub matched the read itself
ALTER TABLE alerts ADD COLUMN list_age_seconds REAL;
