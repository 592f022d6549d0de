-- After the events of an older schema were put into batches (sync/rebatching.py).
INSERT INTO new_reads
    SELECT new_id, agent_id, read_id, camera_id, motion_id, at, text, confidence, uncertain
    FROM plate_reads JOIN moved ON old_id = event_id;
INSERT INTO new_clips
    SELECT clip_id, new_id, agent_id, camera_id, motion_id, at, ended_at, bytes, sha256, codec, width_px, height_px
    FROM clips JOIN moved ON old_id = event_id;
DROP TABLE moved;
DROP TABLE plate_reads;
DROP TABLE clips;
DROP TABLE events;
ALTER TABLE new_reads RENAME TO plate_reads;
ALTER TABLE new_clips RENAME TO clips;
CREATE UNIQUE INDEX plate_reads_by_id ON plate_reads (read_id);
CREATE INDEX plate_reads_by_text ON plate_reads (text);
CREATE INDEX clips_by_motion ON clips (motion_id);
CREATE INDEX clips_by_time ON clips (at);

-- Every event, once: for people with a database shell, and for counting.
CREATE TABLE places (place INTEGER PRIMARY KEY);
INSERT INTO places WITH RECURSIVE n (place) AS (SELECT 0 UNION ALL SELECT place + 1 FROM n WHERE place < 255) SELECT place FROM n;
CREATE VIEW events AS
    SELECT batches.id << 8 | place AS id, agent_id, epoch, lane, first_seq + place AS seq, received_at
    FROM batches JOIN places ON place < count;
