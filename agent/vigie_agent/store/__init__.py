"""What the agent keeps: events, clips and the outbox in one SQLite database (docs/design/clip-store.md)."""

from vigie_agent.store.holds import GoneError
from vigie_agent.store.outbox import OutboxRow
from vigie_agent.store.reader import Counts, Reader
from vigie_agent.store.store import Store
from vigie_agent.store.upkeep import Upkeep

__all__ = ["Counts", "GoneError", "OutboxRow", "Reader", "Store", "Upkeep"]
