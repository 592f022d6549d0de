"""Pictures that are shown to the hub: sources, and the sessions that carry them."""
