"""Questions to the read model, one module a noun; each takes a connection, and answers with a model."""
