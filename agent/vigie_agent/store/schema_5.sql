-- How much there is, counted as it comes and goes: each heartbeat asks, and each clip that needs room.
CREATE TABLE totals (
    what  TEXT PRIMARY KEY,            -- 'clips' that are kept, or a kind of events
    count INTEGER NOT NULL,
    bytes INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
INSERT INTO totals (what, count, bytes)
    SELECT 'clips', count(*), coalesce(sum(bytes), 0) FROM clips WHERE removed_at IS NULL AND sha256 IS NOT NULL;
INSERT INTO totals (what, count) SELECT kind, count(*) FROM events GROUP BY kind;

CREATE TRIGGER event_came AFTER INSERT ON events BEGIN
    INSERT INTO totals (what, count) VALUES (NEW.kind, 1) ON CONFLICT (what) DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER event_went AFTER DELETE ON events BEGIN
    UPDATE totals SET count = count - 1 WHERE what = OLD.kind;
END;
CREATE TRIGGER clip_came AFTER INSERT ON clips WHEN NEW.removed_at IS NULL AND NEW.sha256 IS NOT NULL BEGIN
    UPDATE totals SET count = count + 1, bytes = bytes + NEW.bytes WHERE what = 'clips';
END;
CREATE TRIGGER clip_changed AFTER UPDATE OF removed_at, sha256, bytes ON clips BEGIN
    UPDATE totals SET
        count = count + (NEW.removed_at IS NULL AND NEW.sha256 IS NOT NULL)
                      - (OLD.removed_at IS NULL AND OLD.sha256 IS NOT NULL),
        bytes = bytes + NEW.bytes * (NEW.removed_at IS NULL AND NEW.sha256 IS NOT NULL)
                      - OLD.bytes * (OLD.removed_at IS NULL AND OLD.sha256 IS NOT NULL)
    WHERE what = 'clips';
END;
CREATE TRIGGER clip_went AFTER DELETE ON clips WHEN OLD.removed_at IS NULL AND OLD.sha256 IS NOT NULL BEGIN
    UPDATE totals SET count = count - 1, bytes = bytes - OLD.bytes WHERE what = 'clips';
END;
