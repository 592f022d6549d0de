"""One pull from an agent, relayed to all who watch."""
