"""The store's invariants as queries that must find nothing (docs/design/clip-store.md, Invariants)."""

import sqlite3
from typing import Final

INVARIANTS: Final = {
    "a total that is not the sum": "SELECT what FROM totals WHERE what = 'clips' AND (count, bytes) <>"
    " (SELECT count(*), coalesce(sum(bytes), 0) FROM clips WHERE removed_at IS NULL AND sha256 IS NOT NULL)"
    " UNION ALL SELECT what FROM totals t WHERE what <> 'clips'"
    " AND count <> (SELECT count(*) FROM events WHERE kind = t.what)",
    "an event without an outbox row": "SELECT event_id FROM events WHERE event_id NOT IN (SELECT event_id FROM outbox)",
    "a hole in a lane": "SELECT lane FROM outbox JOIN lanes USING (lane) GROUP BY lane"
    " HAVING max(seq) <> newest OR max(seq) - min(seq) + 1 <> count(*)",
    "an unsent event that is gone": "SELECT lane FROM lanes LEFT JOIN receipts r USING (lane)"
    " LEFT JOIN erased_lanes e USING (lane) WHERE newest > max(coalesce(r.seq, 0), coalesce(e.seq, 0)) AND NOT EXISTS"
    " (SELECT 1 FROM outbox o WHERE o.lane = lanes.lane AND o.seq = max(coalesce(r.seq, 0), coalesce(e.seq, 0)) + 1)",
    "a clip without its event": "SELECT clip_id FROM clips, lanes WHERE lane = 'clip' AND seq > newest",
    "a clip_stored event without its clip": "SELECT seq FROM outbox WHERE lane = 'clip'"
    " AND seq NOT IN (SELECT seq FROM clips WHERE seq IS NOT NULL)",
    "a clip without its ledger": "SELECT clip_id FROM clips WHERE sha256 IS NOT NULL AND clip_id NOT IN"
    " (SELECT clip_id FROM ledger WHERE state = 'indexed')",
    "a clip that is acknowledged in one place only": "SELECT clip_id FROM clips c WHERE acknowledged <> EXISTS"
    " (SELECT 1 FROM ledger l WHERE l.clip_id = c.clip_id AND l.state = 'acknowledged')",
    "a kept clip that is not whole": "SELECT c.clip_id FROM clips c LEFT JOIN segments s USING (clip_id)"
    " WHERE removed_at IS NULL GROUP BY c.clip_id HAVING coalesce(sum(s.size), 0) <> c.bytes"
    " OR max(s.idx) + 1 <> count(*) OR max(s.first_byte + s.size) <> c.bytes",
    "bytes of a clip that was removed": "SELECT row FROM segments JOIN clips USING (clip_id)"
    " WHERE removed_at IS NOT NULL",
    "bytes that are kept and to be erased": "SELECT row FROM segments JOIN erasures USING (volume, row)",
    "a segment beyond the last that was named": "SELECT row FROM segments, meta WHERE volume > 0 AND row > last_row",
    "a plate read without its picture": "SELECT event_id FROM events WHERE kind = 'plate_read'"
    " AND at >= coalesce((SELECT min(at) FROM crops), '9999')"
    " AND json_extract(body, '$.read_id') NOT IN (SELECT read_id FROM crops)",
}


def broken(connection: sqlite3.Connection) -> list[str]:
    """What does not hold, in words; empty for a sound store."""
    return [what for what, query in INVARIANTS.items() if connection.execute(f"{query} LIMIT 1").fetchone()]
