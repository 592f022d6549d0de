-- Reads as they are searched for: by plate, then by the time that an id begins with. One tree, no index beside it; what
-- else a read tells is in its batch, which event_id names (sync/stored.py).
CREATE TABLE new_reads (
    text      TEXT NOT NULL,
    read_id   BLOB NOT NULL,
    agent_id  TEXT NOT NULL,
    camera_id TEXT NOT NULL,
    uncertain INTEGER NOT NULL,
    event_id  INTEGER NOT NULL,
    PRIMARY KEY (text, read_id)
) WITHOUT ROWID;
INSERT INTO new_reads
    SELECT text, unhex(read_id), agent_id, camera_id, uncertain, event_id FROM plate_reads ORDER BY text, read_id;

-- An alert tells what it must of its read by itself.
CREATE TABLE new_alerts (
    alert_id   TEXT PRIMARY KEY,
    read_id    TEXT NOT NULL,
    entry_id   TEXT NOT NULL REFERENCES hotlist (entry_id),
    agent_id   TEXT NOT NULL,
    camera_id  TEXT NOT NULL,
    at         TEXT NOT NULL,
    text       TEXT NOT NULL,
    crop       BLOB,                  -- JPEG or WebP
    rule       TEXT NOT NULL DEFAULT 'exact',
    check_only INTEGER NOT NULL DEFAULT 0,
    retro      INTEGER NOT NULL DEFAULT 0,
    list_version     INTEGER,         -- null: the hub matched the read itself
    list_age_seconds REAL,
    motion_id  TEXT,
    confidence REAL NOT NULL,
    uncertain  INTEGER NOT NULL,
    UNIQUE (read_id, entry_id)
) WITHOUT ROWID;
INSERT INTO new_alerts
    SELECT alert_id, read_id, entry_id, alerts.agent_id, alerts.camera_id, alerts.at, alerts.text, crop, rule, check_only,
        retro, list_version, list_age_seconds, motion_id, confidence, uncertain
    FROM alerts JOIN plate_reads USING (read_id);
DROP TABLE alerts;
DROP TABLE plate_reads;
ALTER TABLE new_reads RENAME TO plate_reads;
ALTER TABLE new_alerts RENAME TO alerts;
CREATE INDEX alerts_by_time ON alerts (at);
