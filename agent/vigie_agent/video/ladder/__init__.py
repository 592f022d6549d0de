"""One camera's streams as the rungs of a ladder, and what makes them smaller."""
