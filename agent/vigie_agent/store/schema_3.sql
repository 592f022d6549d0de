-- Which read hit which entry of a hotlist: each pair once, whatever is looked through again (docs/design/hotlists.md).
CREATE TABLE hits (
    read_id   TEXT NOT NULL,
    entry_id  TEXT NOT NULL,
    motion_id TEXT,
    at        TEXT NOT NULL,
    PRIMARY KEY (read_id, entry_id)
) WITHOUT ROWID;
CREATE INDEX hits_by_motion ON hits (motion_id);

-- Up to where a lane was erased unsent, because a law began that lets nobody keep it.
CREATE TABLE erased_lanes (
    lane TEXT PRIMARY KEY REFERENCES lanes (lane),
    seq  INTEGER NOT NULL
) WITHOUT ROWID;
