"""RTSP 1.0 over TCP without I/O (RFC 2326, 3550, 6184, 7798): bytes in, pictures and bytes to send out."""
