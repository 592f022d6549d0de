"""The keys that are trusted as agents, to check what they sign of their clips."""

from vigie_hub.database import Database
from vigie_hub.fleet.enrolment import public_key_of
from vigie_hub.keys import PublicKey


class AgentKeys:
    """Reads the registry each time: a key may be revoked at any moment."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, agent_id: str) -> PublicKey | None:
        """The agent's key; None where none is trusted."""
        text = await self._database.read(lambda connection: public_key_of(connection, agent_id))
        return PublicKey(text) if text else None
