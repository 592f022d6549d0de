"""Plates: found, straightened, read and voted over the frames of one stay."""
