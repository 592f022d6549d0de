"""Clips as media, from where they lie."""
