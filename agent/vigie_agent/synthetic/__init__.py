"""Films of drawn vehicles with drawn plates, and the truth about them: test pattern, demo camera, training set."""
