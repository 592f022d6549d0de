"""Packets become motion: keyframes are decoded and compared, and only where something moves is everything decoded."""
