-- The first place of each lane that was free when the store was opened, until the hub has shown that it has the same event
-- there: a store that was restored from a copy goes another way from such a place on (docs/design/delivery.md).
CREATE TABLE openings (
    lane TEXT NOT NULL REFERENCES lanes (lane),
    seq  INTEGER NOT NULL,
    PRIMARY KEY (lane, seq)
) WITHOUT ROWID;
