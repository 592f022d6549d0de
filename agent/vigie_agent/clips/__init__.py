"""Motion becomes clips: cut at keyframes, remuxed without re-encoding, playable up to any segment."""
