"""Watches beside the camera, reads plates, keeps clips."""
