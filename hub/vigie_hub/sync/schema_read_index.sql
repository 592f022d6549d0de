-- Reads as they are searched for: by plate, then by time. What else a read tells is in its batch, which event_id names
-- (sync/stored.py). Reads come in as runs, a row for those of one batch, and are put into the tree many at once, in its
-- order (sync/reads.py): a page of the tree is written once for many of them.
CREATE TABLE read_index (
    text     TEXT NOT NULL,
    at       BLOB NOT NULL,           -- milliseconds since 1970 in 6 bytes, as ids begin
    event_id INTEGER NOT NULL,
    PRIMARY KEY (text, at, event_id)
) WITHOUT ROWID;
INSERT INTO read_index SELECT text, substr(read_id, 1, 6), event_id FROM plate_reads ORDER BY 1, 2, 3;
DROP TABLE plate_reads;
CREATE TABLE read_runs (              -- reads that are not in the tree yet
    event_id INTEGER PRIMARY KEY,     -- of the first; the others follow it
    count    INTEGER NOT NULL,
    texts    TEXT NOT NULL,           -- JSON
    ats      BLOB NOT NULL            -- as in the tree, but in 8 bytes each
);
CREATE VIEW read_runs_told AS
    SELECT value AS text, substr(ats, 8 * key + 3, 6) AS at, read_runs.event_id + key AS event_id,
        read_runs.event_id AS run_id
    FROM read_runs, json_each(texts);
-- All reads, wherever they are. A hit is told as well as the read that it is of.
CREATE VIEW plate_reads AS
    SELECT text, at, event_id, (SELECT agent_id FROM batches WHERE id = event_id >> 8) AS agent_id FROM read_index
    UNION ALL
    SELECT text, at, event_id, (SELECT agent_id FROM batches WHERE id = event_id >> 8) FROM read_runs_told;
