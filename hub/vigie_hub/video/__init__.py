"""Video comes to the hub only when someone needs it: WebRTC sessions, offered here."""
