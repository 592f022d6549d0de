-- How far each enrolled agent said that its lanes had come, out of its newest heartbeat, and how far they are durable here:
-- what an answer lacks is an index away. Kept in step by triggers, whoever writes a heartbeat or a watermark.
CREATE TABLE reports (
    agent_id  TEXT NOT NULL,
    lane      TEXT NOT NULL,
    epoch     TEXT NOT NULL,
    newest    INTEGER NOT NULL,
    seq       INTEGER NOT NULL,        -- the watermark
    said_at   TEXT NOT NULL,           -- the heartbeat's own time
    said_days REAL NOT NULL,           -- the same as a Julian day, which sorts
    PRIMARY KEY (agent_id, lane)
) WITHOUT ROWID;
CREATE VIEW reported AS
    SELECT agent_id, newest.key AS lane, heartbeat ->> '$.epoch' AS epoch, newest.value AS newest,
        coalesce((SELECT seq FROM watermarks AS here WHERE here.agent_id = agents.agent_id
                  AND here.epoch = heartbeat ->> '$.epoch' AND here.lane = newest.key), 0) AS seq,
        heartbeat ->> '$.at' AS said_at, julianday(heartbeat ->> '$.at') AS said_days
    FROM agents, json_each(heartbeat, '$.newest') AS newest WHERE heartbeat IS NOT NULL AND public_key IS NOT NULL;
INSERT INTO reports SELECT * FROM reported;
CREATE INDEX reports_behind ON reports (agent_id) WHERE newest > seq;
CREATE INDEX reports_by_time ON reports (lane, said_days);

CREATE TRIGGER report_came AFTER INSERT ON agents WHEN NEW.heartbeat IS NOT NULL BEGIN
    INSERT INTO reports SELECT * FROM reported WHERE agent_id = NEW.agent_id;
END;
CREATE TRIGGER report_changed AFTER UPDATE OF heartbeat, public_key ON agents
WHEN OLD.heartbeat IS NOT NEW.heartbeat OR OLD.public_key IS NOT NEW.public_key BEGIN
    DELETE FROM reports WHERE agent_id = NEW.agent_id;
    INSERT INTO reports SELECT * FROM reported WHERE agent_id = NEW.agent_id;
END;
CREATE TRIGGER report_went AFTER DELETE ON agents BEGIN
    DELETE FROM reports WHERE agent_id = OLD.agent_id;
END;
CREATE TRIGGER watermark_came AFTER INSERT ON watermarks BEGIN
    UPDATE reports SET seq = NEW.seq WHERE agent_id = NEW.agent_id AND lane = NEW.lane AND epoch = NEW.epoch;
END;
CREATE TRIGGER watermark_moved AFTER UPDATE OF seq ON watermarks BEGIN
    UPDATE reports SET seq = NEW.seq WHERE agent_id = NEW.agent_id AND lane = NEW.lane AND epoch = NEW.epoch;
END;
