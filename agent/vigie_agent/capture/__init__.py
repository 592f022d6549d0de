"""A camera, a file or a USB device becomes packets on one timeline that never runs backwards."""
