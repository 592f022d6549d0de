"""Plates that people look for."""
