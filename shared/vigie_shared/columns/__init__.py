"""Events as columns: how batches of version 2 are packed (docs/design/batches.md)."""
