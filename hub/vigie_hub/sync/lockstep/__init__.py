"""Batches in columns, many at once: what numpy reads of a whole fetch need not be read one by one."""
