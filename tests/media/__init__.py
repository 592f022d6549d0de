"""Films and cameras made by the suite itself."""
