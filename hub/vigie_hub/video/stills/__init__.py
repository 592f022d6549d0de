"""One JPEG a second from an agent, relayed over HTTP to all who look, where no media connection comes through."""
