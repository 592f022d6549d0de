"""Where pulled clips lie: files by digest."""
