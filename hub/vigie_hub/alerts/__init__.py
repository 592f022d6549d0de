"""Hits: a plate that was read and that someone looks for."""
