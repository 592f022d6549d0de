"""Which agents there are, which of them are trusted, and which are alive."""
