"""Leave to look: every view of live video or of a clip at the edge needs a ticket that counts once."""
