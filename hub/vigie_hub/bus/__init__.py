"""NATS as the hub sees it: its connection, the server's configuration, and a server of its own."""
