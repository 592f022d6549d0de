"""Video leaves the agent only when the hub asks: WebRTC sessions, answered here."""
