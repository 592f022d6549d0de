"""Clips as exact bytes, served to pullers."""
