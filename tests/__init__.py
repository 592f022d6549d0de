"""The suite: agent/, hub/ and shared/ mirror the source, guards/ watch every test, benchmarks/ measure."""
