"""What leaves the box and what comes back: outbox, receipts, heartbeats, commands (docs/design/delivery.md)."""
