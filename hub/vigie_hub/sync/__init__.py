"""From stream `EVT` to the read model, and the receipts that answer for it."""
