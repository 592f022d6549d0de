"""Draws plates and scenes, trains the detector and the reader, exports them. Never installed on a box."""
