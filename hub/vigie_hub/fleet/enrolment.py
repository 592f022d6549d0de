"""Enrolment: an operator says which key an agent has; from then on the hub listens to it."""

import json
import sqlite3
from collections.abc import Iterable
from datetime import datetime

from vigie_hub.custody import audit
from vigie_hub.database import iso
from vigie_hub.fleet.registry import LOST_AFTER_SECONDS, AgentRecord
from vigie_hub.settings import DialIn
from vigie_shared.errors import CommandError, WireError
from vigie_shared.i18n import gettext as _
from vigie_shared.ids import is_name
from vigie_shared.keys import raw_public_key


def enrol(connection: sqlite3.Connection, agent_id: str, public_key: str, at: datetime, user: str) -> bool:
    """Trust `public_key` as `agent_id`; False where it already was. Raises CommandError where that cannot be."""
    if not is_name(agent_id):
        raise CommandError(
            _("agent id “{agent_id}”: 1 to 32 of a-z, 0-9 and -, not starting with -").format(agent_id=agent_id)
        )
    _check_key(public_key)
    row = connection.execute("SELECT public_key FROM agents WHERE agent_id = ?", (agent_id,)).fetchone()
    if row is not None and row["public_key"] == public_key:
        return False
    if row is not None and row["public_key"] is not None:
        raise CommandError(
            _("agent {agent_id} is enrolled with another key: give the new box another agent id").format(
                agent_id=agent_id
            )
        )
    owner = connection.execute("SELECT agent_id FROM agents WHERE public_key = ?", (public_key,)).fetchone()
    if owner is not None:
        raise CommandError(_("this key is enrolled as agent {agent_id}").format(agent_id=owner["agent_id"]))
    connection.execute(
        "INSERT INTO agents (agent_id, public_key, enrolled_at) VALUES (?, ?, ?)"
        " ON CONFLICT (agent_id) DO UPDATE SET public_key = excluded.public_key, enrolled_at = excluded.enrolled_at",
        (agent_id, public_key, iso(at)),
    )
    audit.record(connection, at, user, "agent_enrolled", agent_id)
    return True


def enrol_all(connection: sqlite3.Connection, dial_in: Iterable[DialIn], at: datetime) -> None:
    """Enrol the agents that the settings name."""
    for agent in dial_in:
        enrol(connection, agent.agent_id, agent.public_key, at, "settings")


def load_records(connection: sqlite3.Connection) -> list[AgentRecord]:
    """All agents, as the registry takes them."""
    rows = connection.execute("SELECT agent_id, public_key, last_seen_at, lost_after_seconds FROM agents")
    return [
        AgentRecord(
            row["agent_id"],
            row["public_key"],
            datetime.fromisoformat(row["last_seen_at"]) if row["last_seen_at"] else None,
            row["lost_after_seconds"] or LOST_AFTER_SECONDS,
        )
        for row in rows
    ]


def enrolled_keys(connection: sqlite3.Connection) -> dict[str, str]:
    """The public key of each enrolled agent."""
    rows = connection.execute("SELECT agent_id, public_key FROM agents WHERE public_key IS NOT NULL")
    return {row["agent_id"]: row["public_key"] for row in rows}


def agent_snippet(url: str, hub_key: str) -> str:
    """What the agent's settings need in order to find and believe this hub, TOML."""
    return f"[hub]\nurl = {json.dumps(url)}\npublic_key = {json.dumps(hub_key)}\n"


def _check_key(public_key: str) -> None:
    try:
        raw_public_key(public_key)
    except WireError as error:
        raise CommandError(str(error)) from error
    if not public_key.startswith("U"):
        raise CommandError(_("public key: an agent's key begins with U; ask it with: vigie agent key"))
