"""One JPEG a second of a camera, for links on which no media connection comes through."""
