-- Bytes move to volumes; the ledger keeps their places and digests, classes and holds (docs/design/clip-store.md).

ALTER TABLE meta ADD COLUMN last_row INTEGER NOT NULL DEFAULT 0;  -- highest row of any volume that the ledger has named

CREATE TABLE clips_2 (
    clip_id      TEXT PRIMARY KEY,
    camera_id    TEXT NOT NULL,
    motion_id    TEXT,
    at           TEXT NOT NULL,        -- first frame, pre-roll included
    ended_at     TEXT NOT NULL,
    codec        TEXT NOT NULL,
    width_px     INTEGER NOT NULL,
    height_px    INTEGER NOT NULL,
    kept_as      INTEGER NOT NULL DEFAULT 0 CHECK (kept_as IN (0, 1, 2)),  -- 0 motion, 1 plate, 2 alert
    acknowledged INTEGER NOT NULL DEFAULT 0,                               -- as the ledger says
    bytes        INTEGER NOT NULL DEFAULT 0,
    init         BLOB,                 -- segment 0 a second time: without it nothing plays
    seq          INTEGER,              -- of its clip_stored event in lane clip; null until then
    sha256       TEXT,                 -- of all segments, joined; null until the clip is finished
    removed_at   TEXT                  -- null: its segments are here
) WITHOUT ROWID;
INSERT INTO clips_2 (clip_id, camera_id, motion_id, at, ended_at, codec, width_px, height_px, acknowledged, bytes, seq, sha256, removed_at)
    SELECT c.clip_id, c.camera_id, json_extract(e.body, '$.motion_id'), c.at, c.ended_at,
        coalesce(json_extract(e.body, '$.codec'), ''), coalesce(json_extract(e.body, '$.width_px'), 1),
        coalesce(json_extract(e.body, '$.height_px'), 1),
        EXISTS (SELECT 1 FROM ledger l WHERE l.clip_id = c.clip_id AND l.state = 'acknowledged'),
        c.bytes, c.seq, c.sha256, c.removed_at
    FROM clips c LEFT JOIN outbox o ON o.lane = 'clip' AND o.seq = c.seq LEFT JOIN events e USING (event_id);
DROP TABLE clips;
ALTER TABLE clips_2 RENAME TO clips;
CREATE INDEX clips_next_to_go ON clips (acknowledged DESC, kept_as, seq, bytes) WHERE removed_at IS NULL AND sha256 IS NOT NULL;
CREATE INDEX clips_by_seq ON clips (seq);
CREATE INDEX clips_by_motion ON clips (motion_id);
CREATE INDEX clips_by_end ON clips (ended_at);

-- Bytes of clips that were stored under the first schema; volume 0.
ALTER TABLE segments RENAME TO old_segments;

-- Where a clip's bytes are: the init segment (index 0), then one fragment a GOP.
CREATE TABLE segments (
    clip_id    TEXT NOT NULL REFERENCES clips (clip_id),
    idx        INTEGER NOT NULL,
    volume     INTEGER NOT NULL,       -- 0: table old_segments
    row        INTEGER NOT NULL,
    first_byte INTEGER NOT NULL,       -- its place in the clip
    size       INTEGER NOT NULL,
    sha256     BLOB,                   -- null: stored under the first schema
    starts_ms  INTEGER,                -- from the clip's start; null where its boxes do not say
    damaged_at TEXT,                   -- it was found not to answer to its digest
    PRIMARY KEY (clip_id, idx)
) WITHOUT ROWID;
INSERT INTO segments (clip_id, idx, volume, row, first_byte, size)
    SELECT clip_id, idx, 0, segment_id, first_byte, size FROM old_segments;
CREATE UNIQUE INDEX segments_by_place ON segments (volume, row);

-- Bytes whose clip is gone, and which are still to leave their volume.
CREATE TABLE erasures (
    volume INTEGER NOT NULL,
    row    INTEGER NOT NULL,
    size   INTEGER NOT NULL,
    PRIMARY KEY (volume, row)
) WITHOUT ROWID;

-- What must stay whatever the retention says.
CREATE TABLE holds (
    hold_id     INTEGER PRIMARY KEY,
    clip_id     TEXT NOT NULL REFERENCES clips (clip_id),
    kind        TEXT NOT NULL CHECK (kind IN ('legal', 'pin')),
    reason      TEXT NOT NULL,
    until       TEXT,                  -- null: until it is released
    placed_at   TEXT NOT NULL,
    released_at TEXT
);
CREATE INDEX holds_by_clip ON holds (clip_id) WHERE released_at IS NULL;

ALTER TABLE crops ADD COLUMN motion_id TEXT;
CREATE INDEX crops_by_motion ON crops (motion_id);
