"""Finds agents, takes in their metadata, pulls video on demand."""
