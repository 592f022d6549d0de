"""Enrolment in the read model: codes that count once, keys that are trusted, keys that are so no more.

An operator makes a code for a name; whoever brings it first has that name, until it is revoked.
"""

import hashlib
import hmac
import secrets
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from vigie_hub.custody import audit
from vigie_hub.database import iso
from vigie_hub.fleet.registry import LOST_AFTER_SECONDS, AgentRecord
from vigie_shared.enrolment import SECRET_BYTES
from vigie_shared.errors import CommandError, WireError
from vigie_shared.i18n import gettext as _
from vigie_shared.ids import is_name
from vigie_shared.keys import raw_public_key

CODE_HOURS: Final = 24.0
CODE_HOURS_MAX: Final = 24.0 * 30
_FORGET_REVOCATIONS: Final = timedelta(days=400)
"""The tokens that it is about have ended long before; but no copy of the database that is brought back may be older
than this: what nats-server has forgotten too, nobody recalls. 70 bytes each."""


def make_code(connection: sqlite3.Connection, agent_id: str, at: datetime, hours: float, user: str) -> bytes:
    """The secret of a new code for `agent_id`; an earlier one counts no more. Raises CommandError."""
    _check_name(agent_id)
    if not 0 < hours <= CODE_HOURS_MAX:
        raise CommandError(
            _("a code may be good for at most {most:.0f} hours, and for more than none").format(most=CODE_HOURS_MAX)
        )
    if public_key_of(connection, agent_id) is not None:
        raise CommandError(
            _("agent {agent_id} is enrolled; for another box of that name, first: vigie hub revoke {agent_id}").format(
                agent_id=agent_id
            )
        )
    secret = secrets.token_bytes(SECRET_BYTES)
    connection.execute(
        "INSERT OR REPLACE INTO enrolment_codes (agent_id, secret_sha256, made_at, expires_at) VALUES (?, ?, ?, ?)",
        (agent_id, _digest(secret), iso(at), iso(at + timedelta(hours=hours))),
    )
    audit.record(connection, at, user, "enrolment_code_made", agent_id)
    return secret


def redeem(connection: sqlite3.Connection, agent_id: str, secret: bytes, public_key: str, at: datetime) -> bool:
    """Trust `public_key` as `agent_id` if the code counts, and never again for it; False otherwise."""
    row = connection.execute(
        "SELECT secret_sha256, expires_at FROM enrolment_codes WHERE agent_id = ?", (agent_id,)
    ).fetchone()
    expected = row["secret_sha256"] if row else bytes(hashlib.sha256().digest_size)
    if not hmac.compare_digest(expected, _digest(secret)) or row is None or row["expires_at"] <= iso(at):
        audit.record(connection, at, "agent", "enrolment_refused", agent_id)
        return False
    connection.execute("DELETE FROM enrolment_codes WHERE agent_id = ?", (agent_id,))
    enrol(connection, agent_id, public_key, at, "code")
    return True


def enrol(connection: sqlite3.Connection, agent_id: str, public_key: str, at: datetime, user: str) -> None:
    """Trust `public_key` as `agent_id`. Raises CommandError where that cannot be."""
    _check_name(agent_id)
    _check_key(public_key)
    known = public_key_of(connection, agent_id)
    if known == public_key:
        return
    if known is not None:
        raise CommandError(_("agent {agent_id} is enrolled with another key").format(agent_id=agent_id))
    owner = connection.execute("SELECT agent_id FROM agents WHERE public_key = ?", (public_key,)).fetchone()
    if owner is not None:
        raise CommandError(_("this key is enrolled as agent {agent_id}").format(agent_id=owner["agent_id"]))
    connection.execute(
        "INSERT INTO agents (agent_id, public_key, enrolled_at) VALUES (?, ?, ?)"
        " ON CONFLICT (agent_id) DO UPDATE SET"
        " public_key = excluded.public_key, enrolled_at = excluded.enrolled_at, revoked_at = NULL, link = NULL",
        (agent_id, public_key, iso(at)),
    )
    audit.record(connection, at, user, "agent_enrolled", agent_id)


def revoke(connection: sqlite3.Connection, agent_id: str, at: datetime, user: str) -> None:
    """Trust an agent no longer, nor an open code for it; what it told stays. Raises CommandError."""
    public_key = public_key_of(connection, agent_id)
    codes = connection.execute("DELETE FROM enrolment_codes WHERE agent_id = ?", (agent_id,)).rowcount
    if public_key is None and not codes:
        raise CommandError(_("agent {agent_id} is not enrolled").format(agent_id=agent_id))
    if public_key is not None:
        connection.execute(
            "UPDATE agents SET public_key = NULL, revoked_at = ?, link = NULL WHERE agent_id = ?", (iso(at), agent_id)
        )
        connection.execute(
            "INSERT OR REPLACE INTO revocations (public_key, at_seconds) VALUES (?, ?)",
            (public_key, int(at.timestamp())),
        )
    audit.record(connection, at, user, "agent_revoked", agent_id)


def revocations(connection: sqlite3.Connection, now: datetime) -> dict[str, int]:
    """Since when (seconds since 1970) tokens of which keys are refused."""
    oldest = int((now - _FORGET_REVOCATIONS).timestamp())
    rows = connection.execute("SELECT public_key, at_seconds FROM revocations WHERE at_seconds >= ?", (oldest,))
    return {row["public_key"]: row["at_seconds"] for row in rows}


def recall(connection: sqlite3.Connection, known: Mapping[str, int], at: datetime) -> list[str]:
    """Take over revocations that nats-server knows of and this database does not; the agents that it still trusted.

    A key that was enrolled again after its revocation stays.
    """
    ours = {row["public_key"]: row["at_seconds"] for row in connection.execute("SELECT * FROM revocations")}
    recalled: list[str] = []
    for public_key, at_seconds in sorted(known.items()):
        if ours.get(public_key, 0) >= at_seconds:
            continue
        connection.execute(
            "INSERT OR REPLACE INTO revocations (public_key, at_seconds) VALUES (?, ?)", (public_key, at_seconds)
        )
        revoked_at = datetime.fromtimestamp(at_seconds, UTC)
        row = connection.execute(
            "UPDATE agents SET public_key = NULL, revoked_at = ?, link = NULL WHERE public_key = ? AND enrolled_at < ?"
            " RETURNING agent_id",
            (iso(revoked_at), public_key, iso(revoked_at + timedelta(seconds=1))),
        ).fetchone()
        if row is not None:
            audit.record(connection, at, "nats-server", "agent_revoked", row["agent_id"])
            recalled.append(row["agent_id"])
    return recalled


def public_key_of(connection: sqlite3.Connection, agent_id: str) -> str | None:
    """The key that is trusted as `agent_id`."""
    row = connection.execute("SELECT public_key FROM agents WHERE agent_id = ?", (agent_id,)).fetchone()
    return row["public_key"] if row else None


def load_records(connection: sqlite3.Connection, *, but_connected: bool = False) -> list[AgentRecord]:
    """All agents, as the registry takes them; without those that are online whatever the time, if asked so."""
    rows = connection.execute(
        "SELECT agents.agent_id, public_key, last_seen_at, lost_after_seconds, link, revoked_at, until_seconds"
        " FROM agents LEFT JOIN suspensions USING (public_key)"
        " WHERE ? OR link IS NOT 'up' OR until_seconds IS NOT NULL OR public_key IS NULL",
        (not but_connected,),
    )
    return [
        AgentRecord(
            row["agent_id"],
            row["public_key"],
            datetime.fromisoformat(row["last_seen_at"]) if row["last_seen_at"] else None,
            row["lost_after_seconds"] or LOST_AFTER_SECONDS,
            row["link"],
            row["revoked_at"] is not None,
            datetime.fromtimestamp(row["until_seconds"], UTC) if row["until_seconds"] else None,
        )
        for row in rows
    ]


def enrolled_keys(connection: sqlite3.Connection) -> dict[str, str]:
    """The public key of each enrolled agent."""
    rows = connection.execute("SELECT agent_id, public_key FROM agents WHERE public_key IS NOT NULL")
    return {row["agent_id"]: row["public_key"] for row in rows}


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


def _check_name(agent_id: str) -> None:
    if not is_name(agent_id):
        raise CommandError(
            _("agent id “{agent_id}”: 1 to 32 of a-z, 0-9 and -, not starting with -").format(agent_id=agent_id)
        )


def _check_key(public_key: str) -> None:
    try:
        raw_public_key(public_key)
    except WireError as error:
        raise CommandError(str(error)) from error
    if not public_key.startswith("U"):
        raise CommandError(_("public key: an agent's key begins with U"))
