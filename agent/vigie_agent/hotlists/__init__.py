"""Hotlists at the edge: copies that are kept, reads that are matched, and reads that leave no trace."""
