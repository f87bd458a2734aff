"""What the surfaces share at the HTTP edge: the app factory, the caller, deadlines, SSE framing."""
