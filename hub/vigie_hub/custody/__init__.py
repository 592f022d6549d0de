"""Who did what, and proof of it."""
