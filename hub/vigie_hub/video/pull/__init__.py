"""Clips pulled from agents into the archive."""
