"""The hub over HTTP: the API under /api/v1, its events as they come, and the way in for the page."""
