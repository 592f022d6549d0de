"""A whole Vigie on one machine: nats-server, a hub, three agents, and cameras that never were."""
